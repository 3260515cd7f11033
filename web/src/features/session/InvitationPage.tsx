import { Anchor, Button, Divider, Skeleton, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconKey } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { api, type Schemas, take } from '@/api/client';
import { Problem, told } from '@/api/problem';
import { FrontCard } from '@/ui/FrontCard';
import { fieldErrors } from '@/ui/formErrors';
import { Failed } from '@/ui/states';
import { When } from '@/ui/When';
import { signInOptionsQuery, useEntering } from './enter';
import { NewPassword } from './NewPassword';
import { fault } from './password';
import { Refusal } from './Refusal';
import { useSecret } from './secret';
import { useLook } from './useLook';

const ROLES = { admin: 'an admin', manager: 'a manager', member: 'a member' } as const;

export function InvitationPage() {
  const token = useSecret();
  const { seen, error, again } = useLook(token);
  if (token === null) return <Spoilt>The link is not whole. Open it again as it was sent to you.</Spoilt>;
  if (error instanceof Problem && error.code === 'invalid_token') return <Spoilt>{told(error)}</Spoilt>;
  return (
    <FrontCard
      title={seen === null ? 'Invitation' : `Join ${seen.customer_name}`}
      lead={
        seen === null ? undefined : (
          <>
            You are invited as {ROLES[seen.role]}. The invitation ends <When at={seen.expires_at} />.
          </>
        )
      }
      below={<SignInInstead />}
    >
      {error !== null ? (
        <Failed error={error} what="The invitation could not be read" again={again} />
      ) : seen === null ? (
        <Skeleton h={300} role="status" aria-label="Loading" />
      ) : (
        <Acceptance token={token} seen={seen} />
      )}
    </FrontCard>
  );
}

function SignInInstead() {
  return (
    <>
      Have an account already?{' '}
      <Anchor component={Link} to="/sign-in" inherit underline="always">
        Sign in
      </Anchor>
    </>
  );
}

function Spoilt({ children }: { children: string }) {
  return (
    <FrontCard title="This invitation cannot be used" below={<SignInInstead />}>
      <Stack gap="sm">
        <Refusal>{children}</Refusal>
        <Text size="sm" c="dimmed">
          Whoever invited you can make a new link for you in Tollhouse, under People.
        </Text>
      </Stack>
    </FrontCard>
  );
}

function Acceptance({ token, seen }: { token: string; seen: Schemas['InvitationSeen'] }) {
  const elsewhere = useQuery(signInOptionsQuery).data?.oidc;
  const form = useForm({
    initialValues: { name: seen.name, password: '' },
    validate: {
      name: (name) => (name.trim() === '' ? 'Type your name.' : null),
      password: fault,
    },
  });
  const accept = useEntering((given: typeof form.values) =>
    take(api.POST('/v1/invitations/accept', { body: { ...given, token } })),
  );
  const fields = { name: 'name', password: 'password' };
  const atField = fieldErrors(accept.error, fields);
  return (
    <form
      noValidate
      onSubmit={form.onSubmit((given) =>
        accept.mutate(given, { onError: (error) => form.setErrors(fieldErrors(error, fields) ?? {}) }),
      )}
    >
      <Stack gap="md">
        {accept.error !== null && atField === null && <Refusal>{told(accept.error)}</Refusal>}
        {elsewhere && (
          <>
            <Button
              component="a"
              href="/v1/oidc/start?return_to=%2F"
              variant="default"
              leftSection={<IconKey size={16} aria-hidden />}
            >
              Join with {elsewhere.name}
            </Button>
            <Divider label="or with a password" labelPosition="center" />
          </>
        )}
        <TextInput
          label="E-mail address"
          type="email"
          autoComplete="username"
          value={seen.email}
          readOnly
          variant="filled"
        />
        <TextInput label="Your name" autoComplete="name" {...form.getInputProps('name')} />
        <NewPassword field={form.getInputProps('password')} value={form.values.password} />
        <Button type="submit" fullWidth mt={4} loading={accept.isPending}>
          Join
        </Button>
      </Stack>
    </form>
  );
}
