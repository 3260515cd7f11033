import { TextInput, type TextInputProps } from '@mantine/core';
import type { KeyboardEvent } from 'react';

type Props = Omit<TextInputProps, 'value' | 'defaultValue' | 'onChange' | 'min' | 'max'> & {
  /** Empty where nothing is typed. */
  value?: number | string;
  defaultValue?: unknown;
  onChange?: (value: number | string) => void;
  min?: number;
  max?: number;
};

const STEPS: Readonly<Record<string, number>> = { ArrowUp: 1, ArrowDown: -1 };
const MOST_DIGITS = 12;

/** A whole number, which the arrow keys change by one. Mantine's own input for numbers is worth its size only where
 *  there are decimals. */
export function WholeNumberInput({
  value = '',
  defaultValue: _,
  onChange,
  min = 0,
  max = Infinity,
  ...rest
}: Props) {
  function step(event: KeyboardEvent) {
    const by = STEPS[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const next = value === '' ? min : Number(value) + by;
    onChange?.(Math.max(min, Math.min(max, next)));
  }
  return (
    <TextInput
      {...rest}
      inputMode="numeric"
      autoComplete="off"
      value={value}
      onKeyDown={step}
      onChange={(event) => {
        const digits = event.currentTarget.value.replace(/\D/g, '').slice(0, MOST_DIGITS);
        onChange?.(digits === '' ? '' : Number(digits));
      }}
    />
  );
}
