import { Anchor, Button, Divider, PasswordInput, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconKey } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useLocation, useSearch } from '@tanstack/react-router';
import { api, take } from '@/api/client';
import { told } from '@/api/problem';
import { FrontCard } from '@/ui/FrontCard';
import { signInOptionsQuery, useEntering } from './enter';
import { Refusal } from './Refusal';
import { refusedWords } from './refused';
import { useWait } from './useWait';

export function SignInPage() {
  const options = useQuery(signInOptionsQuery);
  const { return_to: goOn = '/' } = useSearch({ from: '/sign-in' });
  return (
    <FrontCard
      title="Sign in"
      below={
        options.data === undefined ? undefined : options.data.registration_open ? (
          <>
            New here?{' '}
            <Anchor component={Link} to="/register" inherit underline="always">
              Register your organisation
            </Anchor>
          </>
        ) : (
          'To come in for the first time, ask an admin for an invitation.'
        )
      }
    >
      <Stack gap="md">
        <Why />
        {options.data?.oidc && <Elsewhere name={options.data.oidc.name} goOn={goOn} />}
        <ByPassword goOn={goOn} />
      </Stack>
    </FrontCard>
  );
}

/** Why somebody who did not ask for this page is here. */
function Why() {
  const { refused } = useSearch({ from: '/sign-in' });
  const ended = useLocation({ select: (location) => location.state.ended === true });
  if (refused !== undefined) return <Refusal>{refusedWords(refused)}</Refusal>;
  if (!ended) return null;
  return <Refusal kind="note">Your session has ended. Sign in to go on where you were.</Refusal>;
}

function Elsewhere({ name, goOn }: { name: string; goOn: string }) {
  return (
    <>
      <Button
        component="a"
        href={`/v1/oidc/start?${new URLSearchParams({ return_to: goOn })}`}
        variant="default"
        fullWidth
        leftSection={<IconKey size={16} aria-hidden />}
      >
        Sign in with {name}
      </Button>
      <Divider label="or with your password" labelPosition="center" />
    </>
  );
}

type Given = { email: string; password: string };

function ByPassword({ goOn }: { goOn: string }) {
  const form = useForm<Given>({
    initialValues: { email: '', password: '' },
    validate: {
      email: (email) => (email.trim() === '' ? 'Type your e-mail address.' : null),
      password: (password) => (password === '' ? 'Type your password.' : null),
    },
  });
  const signIn = useEntering((given: Given) => take(api.POST('/v1/login', { body: given })), goOn);
  const wait = useWait(signIn.error);
  return (
    <form onSubmit={form.onSubmit((given) => signIn.mutate(given))} noValidate>
      <Stack gap="md">
        {signIn.error !== null &&
          (wait > 0 ? (
            <Refusal kind="wait">Too many tries. You can try again in {wait} s.</Refusal>
          ) : (
            !signIn.isPending && <Refusal>{told(signIn.error)}</Refusal>
          ))}
        <TextInput
          label="E-mail address"
          type="email"
          autoComplete="username"
          inputMode="email"
          autoCapitalize="none"
          spellCheck={false}
          data-autofocus
          autoFocus
          {...form.getInputProps('email')}
        />
        <PasswordInput label="Password" autoComplete="current-password" {...form.getInputProps('password')} />
        <Button type="submit" fullWidth mt={4} loading={signIn.isPending} disabled={wait > 0}>
          Sign in
        </Button>
      </Stack>
    </form>
  );
}
