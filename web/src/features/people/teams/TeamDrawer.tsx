import { Skeleton, Stack, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMe } from '@/api/me';
import { Problem } from '@/api/problem';
import { BudgetsEditor } from '@/ui/budgets/BudgetsEditor';
import { Drawer } from '@/ui/dialogs';
import { KeysLink } from '@/ui/KeysLink';
import { Failed } from '@/ui/states';
import { Part } from '../Part';
import { type Team, teamsQuery } from '../queries';
import { rightsInTeam, rightsOf } from '../rights';
import { usePeopleSearch } from '../usePeopleSearch';
import { DeleteTeam } from './DeleteTeam';
import { Members } from './Members';
import { TeamName } from './TeamName';

/** One team, beside the list; which one stands in the address. */
export function TeamDrawer() {
  const { search, go } = usePeopleSearch();
  return (
    <Drawer
      opened={search.team !== undefined}
      onClose={() => go({ team: undefined })}
      position="right"
      size="lg"
      title="Team"
    >
      {search.team !== undefined && <Body key={search.team} id={search.team} />}
    </Drawer>
  );
}

function Body({ id }: { id: string }) {
  const { data, error, refetch } = useQuery(teamsQuery);
  if (error !== null && data === undefined)
    return <Failed error={error} what="This team could not be shown" again={() => void refetch()} />;
  if (data === undefined)
    return (
      <Stack role="status" aria-label="Loading">
        <Skeleton h={36} />
        <Skeleton h={180} />
      </Stack>
    );
  const team = data.find((each) => each.id === id);
  if (team === undefined)
    return (
      <Failed
        what="There is no such team"
        error={new Problem(404, 'It was deleted, or is not one of yours.')}
      />
    );
  return <TeamBody team={team} />;
}

function TeamBody({ team }: { team: Team }) {
  const me = useMe();
  const rights = rightsInTeam(me, team.id);
  return (
    <Stack gap="xl">
      {rights.renames ? (
        <TeamName team={team} />
      ) : (
        <Title order={3} fz="lg" style={{ overflowWrap: 'anywhere' }}>
          {team.name}
        </Title>
      )}
      <Part title="Members">
        <Members team={team} rights={rights} />
      </Part>
      <Part
        title="Budgets"
        aside={
          <KeysLink team={team.id}>
            {team.keys === 1 ? 'See 1 key' : team.keys === 0 ? 'No keys yet' : `See ${team.keys} keys`}
          </KeysLink>
        }
      >
        <BudgetsEditor
          place={{ kind: 'team', ref: team.id }}
          name={team.name}
          mayChange={rightsOf(me).setsBudgets}
          none="No budget for the team as a whole: only those of its keys and of the organisation count."
        />
      </Part>
      {rights.deletes && (
        <Part title="Remove">
          <DeleteTeam team={team} />
        </Part>
      )}
    </Stack>
  );
}
