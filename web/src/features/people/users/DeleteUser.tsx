import { Button, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { api, take } from '@/api/client';
import { Confirm } from '@/ui/Confirm';
import { done } from '@/ui/notices';
import { type User, useChange } from '../queries';
import { usePeopleSearch } from '../usePeopleSearch';

export function DeleteUser({ user }: { user: User }) {
  const [opened, { open, close }] = useDisclosure();
  const { go } = usePeopleSearch();
  const remove = useChange(() =>
    take(api.DELETE('/v1/users/{user_id}', { params: { path: { user_id: user.id } } })),
  );
  return (
    <Stack gap="sm" align="flex-start">
      <Text size="sm" c="dimmed">
        To keep somebody out for a while, disable them instead: that can be undone.
      </Text>
      <Button size="xs" variant="light" color="red" onClick={open}>
        Delete person
      </Button>
      {opened && (
        <Confirm
          opened
          close={close}
          title={`Delete ${user.name}?`}
          verb="Delete person"
          typed={user.email}
          busy={remove.isPending}
          error={remove.error}
          act={() =>
            remove.mutate(undefined, {
              onSuccess: () => {
                done(`${user.name} is deleted`);
                go({ user: undefined });
              },
            })
          }
        >
          {user.keys === 0
            ? 'They are signed out everywhere and their API tokens stop working.'
            : `They are signed out everywhere, their API tokens stop working, and their ${user.keys === 1 ? 'key is' : `${user.keys} keys are`} disabled and become the organisation’s.`}{' '}
          What they did stays in the ledger and the audit log. This cannot be undone.
        </Confirm>
      )}
    </Stack>
  );
}
