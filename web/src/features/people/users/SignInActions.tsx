import { Button, Group, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconLink, IconUserCheck, IconUserOff } from '@tabler/icons-react';
import { api, take } from '@/api/client';
import { Confirm } from '@/ui/Confirm';
import { done, failed } from '@/ui/notices';
import { changeUser, type User, useChange } from '../queries';
import { ResetLink } from './ResetLink';

/** Whether somebody may come in, and how: for admins. */
export function SignInActions({ user, oneself }: { user: User; oneself: boolean }) {
  const [linking, link] = useDisclosure();
  const [unbinding, unbind] = useDisclosure();
  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed">
        {user.has_password
          ? 'Signs in with a password, and at the identity provider if there is one.'
          : 'Has no password: comes in through the identity provider only.'}
      </Text>
      <Group gap="sm">
        {!oneself && <Switch user={user} />}
        <Button
          variant="default"
          size="xs"
          leftSection={<IconLink size={14} aria-hidden />}
          onClick={link.open}
        >
          Make a password link
        </Button>
        <Button variant="default" size="xs" onClick={unbind.open}>
          Unbind identity
        </Button>
      </Group>
      {linking && <ResetLink user={user} close={link.close} />}
      {unbinding && <Unbind user={user} close={unbind.close} />}
    </Stack>
  );
}

function Switch({ user }: { user: User }) {
  const change = useChange((disabled: boolean) => changeUser(user.id, { disabled }));
  function turn(disabled: boolean) {
    change.mutate(disabled, {
      onSuccess: () =>
        done(disabled ? `${user.name} is disabled` : `${user.name} may come in again`, () =>
          change.mutate(!disabled, { onError: (error) => failed(error) }),
        ),
      onError: (error) => failed(error),
    });
  }
  return (
    <Button
      variant="default"
      size="xs"
      loading={change.isPending}
      leftSection={
        user.disabled ? <IconUserCheck size={14} aria-hidden /> : <IconUserOff size={14} aria-hidden />
      }
      onClick={() => turn(!user.disabled)}
    >
      {user.disabled ? 'Enable' : 'Disable'}
    </Button>
  );
}

function Unbind({ user, close }: { user: User; close: () => void }) {
  const unbind = useChange(() =>
    take(api.DELETE('/v1/users/{user_id}/identity', { params: { path: { user_id: user.id } } })),
  );
  return (
    <Confirm
      opened
      close={close}
      title={`Unbind ${user.name} from the identity provider?`}
      verb="Unbind identity"
      busy={unbind.isPending}
      error={unbind.error}
      act={() =>
        unbind.mutate(undefined, {
          onSuccess: () => {
            done('The identity is forgotten');
            close();
          },
        })
      }
    >
      The next sign-in with {user.email} at the identity provider binds them anew. All their sessions end now.
      Do this when the account there was made anew.
    </Confirm>
  );
}
