import { TextInput, type TextInputProps } from '@mantine/core';
import { IconCurrencyDollar } from '@tabler/icons-react';

/** A field for dollars. Its value is the text that was typed: `decimals.ts` judges and cleans it, no float touches it. */
export function UsdInput(props: TextInputProps) {
  return (
    <TextInput
      inputMode="decimal"
      autoComplete="off"
      leftSection={<IconCurrencyDollar size={16} aria-hidden />}
      leftSectionPointerEvents="none"
      {...props}
    />
  );
}
