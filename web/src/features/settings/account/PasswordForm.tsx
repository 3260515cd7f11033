import { PasswordInput, Stack } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, type Schemas, take } from '@/api/client';
import { meQuery, useMe } from '@/api/me';
import { fieldErrors } from '@/ui/formErrors';
import { done } from '@/ui/notices';
import { Failed } from '@/ui/states';
import { SaveBar } from '../SaveBar';
import { Card } from '../Section';

const SHORTEST = 12;
const EMPTY = { current: '', next: '', again: '' };
const FIELDS = { current_password: 'current', new_password: 'next' };
const toggle = { 'aria-label': 'Show or hide the password' };

/** A new password ends all other sessions; this one goes on with a new token. */
export function PasswordForm() {
  const me = useMe();
  const client = useQueryClient();
  const change = useMutation({
    gcTime: 0,
    mutationFn: async (body: Schemas['PasswordIn']) => {
      await take(api.POST('/v1/me/password', { body }));
    },
    onSuccess: async () => {
      // The session is another one now, and so is the token that writes bring along.
      await client.fetchQuery({ ...meQuery, staleTime: 0 });
      await client.invalidateQueries({ queryKey: ['settings', 'sessions'] });
    },
  });
  const form = useForm({
    initialValues: EMPTY,
    validate: {
      current: (text) => (text === '' ? 'Your present password' : null),
      next: (text) => (text.length < SHORTEST ? `At least ${SHORTEST} characters` : null),
      again: (text, { next }) => (text === next ? null : 'Not the same'),
    },
  });
  const general = change.error !== null && fieldErrors(change.error, FIELDS) === null;
  function save({ current, next }: typeof EMPTY) {
    change.mutate(
      { current_password: current, new_password: next },
      {
        onSuccess: () => {
          form.reset();
          done('Your password is changed; all other sessions ended');
        },
        onError: (error) => form.setErrors(fieldErrors(error, FIELDS) ?? {}),
      },
    );
  }
  return (
    <Card title="Password" about="A new one ends all your other sessions.">
      <form onSubmit={form.onSubmit(save)} noValidate>
        <Stack gap="md" maw={460}>
          <input type="hidden" name="username" autoComplete="username" value={me.user.email} readOnly />
          <PasswordInput
            label="Present password"
            autoComplete="current-password"
            visibilityToggleButtonProps={toggle}
            {...form.getInputProps('current')}
          />
          <PasswordInput
            label="New password"
            description={`At least ${SHORTEST} characters`}
            autoComplete="new-password"
            visibilityToggleButtonProps={toggle}
            {...form.getInputProps('next')}
          />
          <PasswordInput
            label="New password again"
            autoComplete="new-password"
            visibilityToggleButtonProps={toggle}
            {...form.getInputProps('again')}
          />
          {general && <Failed error={change.error} what="Your password stays as it was" />}
          <SaveBar
            dirty={form.isDirty()}
            busy={change.isPending}
            reset={form.reset}
            label="Change password"
          />
        </Stack>
      </form>
    </Card>
  );
}
