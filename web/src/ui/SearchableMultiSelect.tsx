/** Many things of a long list, by groups: searched, chosen one by one or a group at once, by keys alone if need be. */

import { Button, Pill, PillsInput, Popover, Text, VisuallyHidden } from '@mantine/core';
import { type ReactNode, useId, useRef } from 'react';
import { lazily } from './lazily';
import { count } from './numbers';
import { Chips } from './select/Chips';
import type { Choice } from './select/choices';
import classes from './select/Select.module.css';
import { useSelecting } from './select/useSelecting';

export type { Choice } from './select/choices';

/** The list that opens; what is chosen is seen without it. */
const ChoiceList = lazily(() => import('./select/ChoiceList'), 'ChoiceList');

type Props = {
  label: string;
  choices: readonly Choice[];
  value: readonly string[];
  onChange: (value: string[]) => void;
  /** Texts that are not on the list may be chosen: names, and beginnings with `*`. */
  free?: boolean;
  /** What is chosen, in the plural; `models`. */
  things?: string;
  /** What an empty choice means. */
  placeholder?: string;
  description?: ReactNode;
  error?: ReactNode;
  /** Under the list: what its columns are. */
  legend?: ReactNode;
  loading?: boolean;
  disabled?: boolean;
};

export function SearchableMultiSelect(props: Props) {
  const { label, choices, value, onChange, free = false, things = 'options' } = props;
  const { placeholder, description, error, legend, loading = false, disabled = false } = props;
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const selecting = useSelecting({ choices, chosen: value, change: onChange, free });
  const { opened, active } = selecting;
  const nothing = loading ? `Loading ${things}…` : `None of the ${things} match`;
  return (
    <Popover
      opened={opened && !disabled}
      width="target"
      position="bottom-start"
      shadow="md"
      trapFocus={false}
      returnFocus={false}
      withRoles={false}
      closeOnEscape={false}
      onDismiss={selecting.close}
    >
      <Popover.Target>
        <PillsInput
          label={label}
          description={description}
          error={error}
          disabled={disabled}
          labelProps={{ htmlFor: id }}
          onClick={() => {
            input.current?.focus();
            selecting.open();
          }}
        >
          <Pill.Group>
            <Chips chosen={value} remove={selecting.remove} disabled={disabled} />
            <PillsInput.Field
              ref={input}
              id={id}
              role="combobox"
              aria-label={label}
              aria-expanded={opened}
              aria-controls={`${id}-list`}
              aria-haspopup="listbox"
              aria-autocomplete="list"
              aria-activedescendant={opened && active >= 0 ? `${id}-list-${active}` : undefined}
              aria-invalid={error != null && error !== false ? true : undefined}
              autoComplete="off"
              spellCheck={false}
              className={classes.field ?? ''}
              placeholder={value.length === 0 ? placeholder : undefined}
              value={selecting.search}
              disabled={disabled}
              data-mantine-stop-propagation={opened || undefined}
              onChange={(event) => selecting.type(event.currentTarget.value)}
              onKeyDown={selecting.onKeyDown}
              onBlur={selecting.close}
            />
          </Pill.Group>
          <VisuallyHidden aria-live="polite">
            {count(value.length)} {things} chosen
          </VisuallyHidden>
        </PillsInput>
      </Popover.Target>
      <Popover.Dropdown p={6} onMouseDown={(event) => event.preventDefault()}>
        <ChoiceList id={`${id}-list`} label={label} selecting={selecting} nothing={nothing} things={things} />
        <div className={classes.foot}>
          <Text span inherit>
            {legend}
          </Text>
          {value.length > 0 && (
            <Button
              size="compact-xs"
              variant="subtle"
              color="gray"
              tabIndex={-1}
              onClick={() => onChange([])}
            >
              Clear {count(value.length)}
            </Button>
          )}
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}
