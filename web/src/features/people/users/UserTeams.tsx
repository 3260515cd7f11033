import { ActionIcon, Anchor, Group, Select, Stack, Text } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMe } from '@/api/me';
import { done, failed } from '@/ui/notices';
import { putMember, removeMember, teamsQuery, type User, useChange } from '../queries';
import { rightsOf } from '../rights';
import { usePeopleSearch } from '../usePeopleSearch';

/** The teams of a person; taking out and putting in where one may. */
export function UserTeams({ user }: { user: User }) {
  const { seesAll } = rightsOf(useMe());
  const { go } = usePeopleSearch();
  const put = useChange((teamId: string) => putMember(teamId, user.id, 'member'));
  const remove = useChange((teamId: string) => removeMember(teamId, user.id));
  function takeOut(team: { id: string; name: string }) {
    remove.mutate(team.id, {
      onSuccess: () => done(`${user.name} is no longer in ${team.name}`, () => put.mutate(team.id)),
      onError: (error) => failed(error, `${user.name} stays in ${team.name}`),
    });
  }
  return (
    <Stack gap="xs">
      {user.teams.length === 0 && (
        <Text size="sm" c="dimmed">
          In no team.
        </Text>
      )}
      {user.teams.map((team) => (
        <Group key={team.id} justify="space-between" wrap="nowrap" gap="xs">
          <Anchor
            component="button"
            type="button"
            size="sm"
            ta="start"
            onClick={() => go({ team: team.id, user: undefined })}
          >
            {team.name}
          </Anchor>
          {seesAll && (
            <ActionIcon
              variant="subtle"
              color="gray"
              onClick={() => takeOut(team)}
              aria-label={`Take ${user.name} out of ${team.name}`}
            >
              <IconX size={16} aria-hidden />
            </ActionIcon>
          )}
        </Group>
      ))}
      {seesAll && (
        <Join
          user={user}
          busy={put.isPending}
          join={(id) => put.mutate(id, { onError: (error) => failed(error) })}
        />
      )}
    </Stack>
  );
}

function Join({ user, busy, join }: { user: User; busy: boolean; join: (id: string) => void }) {
  const { data: teams = [] } = useQuery(teamsQuery);
  const others = teams.filter((team) => !user.teams.some((own) => own.id === team.id));
  if (others.length === 0) return null;
  return (
    <Select
      aria-label={`Put ${user.name} into a team`}
      placeholder="Put into a team…"
      searchable
      limit={100}
      disabled={busy}
      data={others.map((team) => ({ value: team.id, label: team.name }))}
      nothingFoundMessage="No such team"
      value={null}
      onChange={(id) => id !== null && join(id)}
    />
  );
}
