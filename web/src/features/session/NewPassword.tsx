import { PasswordInput, Text } from '@mantine/core';
import type { GetInputPropsReturnType } from '@mantine/form';
import { IconCheck } from '@tabler/icons-react';
import { LEAST_CHARACTERS, rest } from './password';

type Props = { field: GetInputPropsReturnType; value: string; label?: string };

/** A password to be set, and how far it is from what the API takes. */
export function NewPassword({ field, value, label = 'Password' }: Props) {
  return (
    <PasswordInput
      label={label}
      autoComplete="new-password"
      inputWrapperOrder={['label', 'input', 'error', 'description']}
      description={field.error ? undefined : <Progress value={value} />}
      {...field}
    />
  );
}

function Progress({ value }: { value: string }) {
  const missing = rest(value);
  if (value === '') {
    return `At least ${LEAST_CHARACTERS} characters. A few words are easy to remember and hard to guess.`;
  }
  if (missing > 0) return `${missing} more ${missing === 1 ? 'character' : 'characters'}`;
  return (
    <Text span inherit c="pine">
      <IconCheck size={12} aria-hidden style={{ verticalAlign: -1 }} /> Long enough
    </Text>
  );
}
