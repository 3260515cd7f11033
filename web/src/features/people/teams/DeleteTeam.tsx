import { Button, Stack } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { api, take } from '@/api/client';
import { Confirm } from '@/ui/Confirm';
import { done } from '@/ui/notices';
import { type Team, useChange } from '../queries';
import { usePeopleSearch } from '../usePeopleSearch';

export function DeleteTeam({ team }: { team: Team }) {
  const [opened, { open, close }] = useDisclosure();
  const { go } = usePeopleSearch();
  const remove = useChange(() =>
    take(api.DELETE('/v1/teams/{team_id}', { params: { path: { team_id: team.id } } })),
  );
  return (
    <Stack gap="sm" align="flex-start">
      <Button size="xs" variant="light" color="red" onClick={open}>
        Delete team
      </Button>
      {opened && (
        <Confirm
          opened
          close={close}
          title={`Delete ${team.name}?`}
          verb="Delete team"
          {...(team.keys > 0 ? { typed: team.name } : {})}
          busy={remove.isPending}
          error={remove.error}
          act={() =>
            remove.mutate(undefined, {
              onSuccess: () => {
                done(`${team.name} is deleted`);
                go({ team: undefined });
              },
            })
          }
        >
          {consequences(team)}
        </Confirm>
      )}
    </Stack>
  );
}

function consequences(team: Team): string {
  const keys =
    team.keys === 0
      ? 'It has no keys.'
      : team.keys === 1
        ? 'Its key is disabled and becomes the organisation’s: calls with it fail at once.'
        : `Its ${team.keys} keys are disabled and become the organisation’s: calls with them fail at once.`;
  return `${keys} Its members stay, with their own keys. Its budgets end. This cannot be undone.`;
}
