import { Alert, Anchor, Button, Skeleton, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconLock } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { api, take } from '@/api/client';
import { told } from '@/api/problem';
import { FrontCard } from '@/ui/FrontCard';
import { fieldErrors } from '@/ui/formErrors';
import { Failed } from '@/ui/states';
import { signInOptionsQuery, useEntering } from './enter';
import { NewPassword } from './NewPassword';
import { fault } from './password';
import { Refusal } from './Refusal';

export function RegisterPage() {
  const options = useQuery(signInOptionsQuery);
  return (
    <FrontCard
      title="Register your organisation"
      lead="You will be its first admin, with keys, budgets and people of its own."
      below={
        <>
          Registered already?{' '}
          <Anchor component={Link} to="/sign-in" inherit underline="always">
            Sign in
          </Anchor>
        </>
      }
    >
      {options.isPending ? (
        <Skeleton h={380} role="status" aria-label="Loading" />
      ) : options.isError ? (
        <Failed error={options.error} again={() => void options.refetch()} />
      ) : options.data.registration_open ? (
        <Form />
      ) : (
        <Alert color="gray" icon={<IconLock aria-hidden />} title="Registration is closed here">
          Whoever runs this installation makes organisations themselves. To join one, ask one of its admins
          for an invitation.
        </Alert>
      )}
    </FrontCard>
  );
}

const FIELDS = { name: 'name', admin_name: 'admin_name', email: 'email', password: 'password' } as const;

function Form() {
  const form = useForm({
    initialValues: { name: '', admin_name: '', email: '', password: '' },
    validate: {
      name: (name) => (name.trim() === '' ? 'Type the name of your organisation.' : null),
      admin_name: (name) => (name.trim() === '' ? 'Type your name.' : null),
      email: (email) => (/^[^@\s]+@[^@\s]+$/.test(email.trim()) ? null : 'Type your e-mail address.'),
      password: fault,
    },
  });
  const register = useEntering((given: typeof form.values) =>
    take(api.POST('/v1/customers/register', { body: given })),
  );
  const atField = fieldErrors(register.error, FIELDS);
  return (
    <form
      noValidate
      onSubmit={form.onSubmit((given) =>
        register.mutate(given, { onError: (error) => form.setErrors(fieldErrors(error, FIELDS) ?? {}) }),
      )}
    >
      <Stack gap="md">
        {register.error !== null && atField === null && <Refusal>{told(register.error)}</Refusal>}
        <TextInput
          label="Organisation"
          autoComplete="organization"
          autoFocus
          {...form.getInputProps('name')}
        />
        <TextInput label="Your name" autoComplete="name" {...form.getInputProps('admin_name')} />
        <TextInput
          label="E-mail address"
          type="email"
          inputMode="email"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          {...form.getInputProps('email')}
        />
        <NewPassword field={form.getInputProps('password')} value={form.values.password} />
        <Button type="submit" fullWidth mt={4} loading={register.isPending}>
          Register
        </Button>
      </Stack>
    </form>
  );
}
