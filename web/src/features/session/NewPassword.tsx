import { PasswordInput, Text } from '@mantine/core';
import type { GetInputPropsReturnType } from '@mantine/form';
import { IconCheck } from '@tabler/icons-react';
import { LEAST_CHARACTERS, rest } from './password';

type Props = { field: GetInputPropsReturnType; value: string; label?: string };

/** A password to be set, and how far it is from what the API takes. */
export function NewPassword({ field, value, label = 'Password' }: Props) {
  const missing = rest(value);
  return (
    <PasswordInput
      label={label}
      autoComplete="new-password"
      required
      withAsterisk={false}
      inputWrapperOrder={['label', 'input', 'error', 'description']}
      description={
        <Text span inherit aria-live="polite" c={missing === 0 ? 'pine' : 'dimmed'}>
          {missing === 0 ? (
            <>
              <IconCheck size={12} aria-hidden style={{ verticalAlign: -1 }} /> Long enough
            </>
          ) : value === '' ? (
            `At least ${LEAST_CHARACTERS} characters. A few words are easy to remember and hard to guess.`
          ) : (
            `${missing} more ${missing === 1 ? 'character' : 'characters'}`
          )}
        </Text>
      }
      {...field}
    />
  );
}
