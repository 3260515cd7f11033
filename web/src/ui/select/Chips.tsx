import { Pill, UnstyledButton } from '@mantine/core';
import { useState } from 'react';
import { count } from '../numbers';
import classes from './Select.module.css';

const MOST_CHIPS = 6;

type Props = { chosen: readonly string[]; remove: (value: string) => void; disabled: boolean };

/** What is chosen; more than a few wait behind a number. */
export function Chips({ chosen, remove, disabled }: Props) {
  const [all, setAll] = useState(false);
  const shown = all ? chosen : chosen.slice(0, MOST_CHIPS);
  const rest = chosen.length - MOST_CHIPS;
  return (
    <>
      {shown.map((value) => (
        <Pill
          key={value}
          withRemoveButton={!disabled}
          onRemove={() => remove(value)}
          removeButtonProps={{ 'aria-hidden': false, 'aria-label': `Remove ${value}` }}
          className={classes.chip ?? ''}
          title={value}
        >
          {value}
        </Pill>
      ))}
      {rest > 0 && (
        <UnstyledButton
          className={classes.more}
          onClick={() => setAll(!all)}
          aria-expanded={all}
          aria-label={all ? 'Show fewer' : `Show ${rest} more that are chosen`}
        >
          {all ? 'Show fewer' : `+${count(rest)}`}
        </UnstyledButton>
      )}
    </>
  );
}
