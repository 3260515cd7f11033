import { Anchor, Button, Stack, Text } from '@mantine/core';
import { useForm } from '@mantine/form';
import { Link } from '@tanstack/react-router';
import { api, take } from '@/api/client';
import { Problem, told } from '@/api/problem';
import { FrontCard } from '@/ui/FrontCard';
import { fieldErrors } from '@/ui/formErrors';
import { useEntering } from './enter';
import { NewPassword } from './NewPassword';
import { fault } from './password';
import { Refusal } from './Refusal';
import { useSecret } from './secret';

export function ResetPasswordPage() {
  const token = useSecret();
  return (
    <FrontCard
      title="Set a new password"
      lead={token === null ? undefined : 'All sessions that are open with the old one end.'}
      below={
        <>
          Remembered it?{' '}
          <Anchor component={Link} to="/sign-in" inherit underline="always">
            Sign in
          </Anchor>
        </>
      }
    >
      {token === null ? (
        <Spoilt>The link is not whole. Open it again as it was sent to you.</Spoilt>
      ) : (
        <Form key={token} token={token} />
      )}
    </FrontCard>
  );
}

function Spoilt({ children }: { children: string }) {
  return (
    <Stack gap="sm">
      <Refusal>{children}</Refusal>
      <Text size="sm" c="dimmed">
        An admin of your organisation can make a new link for you in Tollhouse, under People.
      </Text>
    </Stack>
  );
}

const FIELDS = { password: 'password' };

function Form({ token }: { token: string }) {
  const form = useForm({ initialValues: { password: '' }, validate: { password: fault } });
  const reset = useEntering((given: typeof form.values) =>
    take(api.POST('/v1/password-reset', { body: { ...given, token } })),
  );
  const { error } = reset;
  if (error instanceof Problem && error.code === 'invalid_token') return <Spoilt>{told(error)}</Spoilt>;
  return (
    <form
      noValidate
      onSubmit={form.onSubmit((given) =>
        reset.mutate(given, { onError: (problem) => form.setErrors(fieldErrors(problem, FIELDS) ?? {}) }),
      )}
    >
      <Stack gap="md">
        {error !== null && fieldErrors(error, FIELDS) === null && <Refusal>{told(error)}</Refusal>}
        <NewPassword
          field={form.getInputProps('password')}
          value={form.values.password}
          label="New password"
        />
        <Button type="submit" fullWidth mt={4} loading={reset.isPending}>
          Set password and sign in
        </Button>
      </Stack>
    </form>
  );
}
