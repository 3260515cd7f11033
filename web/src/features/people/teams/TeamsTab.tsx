import { Avatar, Button, Group, Text, Tooltip } from '@mantine/core';
import { IconPlus, IconUsersGroup } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useMe } from '@/api/me';
import { type Column, DataTable } from '@/ui/DataTable';
import { Money } from '@/ui/Money';
import { Empty, Failed, LoadingRows } from '@/ui/states';
import { Tokens } from '@/ui/Tokens';
import { useNarrow } from '@/ui/useNarrow';
import { When } from '@/ui/When';
import { type Spend, spendQuery, spent, type Team, teamsQuery } from '../queries';
import { rightsOf } from '../rights';
import { usePeopleSearch } from '../usePeopleSearch';

const SHOWN_FACES = 4;

export function TeamsTab({ create }: { create: () => void }) {
  const rights = rightsOf(useMe());
  const { go } = usePeopleSearch();
  const found = useQuery(teamsQuery);
  const { data: spend } = useQuery(spendQuery('team'));
  const narrow = useNarrow();
  const columns = useMemo(() => columnsOf(spend, narrow), [spend, narrow]);
  if (found.isError) return <Failed error={found.error} again={() => void found.refetch()} />;
  if (found.isPending) return <LoadingRows />;
  return (
    <DataTable
      label="Teams"
      columns={columns}
      rows={found.data}
      idOf={(team) => team.id}
      open={(team) => go({ team: team.id, user: undefined })}
      minWidth={narrow ? 300 : 720}
      nothing={
        <Empty
          icon={<IconUsersGroup aria-hidden />}
          title={rights.seesAll ? 'No teams yet' : 'You are in no team'}
        >
          {rights.seesAll ? (
            <>
              A team shares keys and budgets.
              <br />
              <Button mt="md" leftSection={<IconPlus size={16} aria-hidden />} onClick={create}>
                Make the first team
              </Button>
            </>
          ) : (
            'An admin or manager can put you into one.'
          )}
        </Empty>
      }
    />
  );
}

function columnsOf(spend: Spend | undefined, narrow: boolean): Column<Team>[] {
  const name: Column<Team> = {
    id: 'name',
    head: 'Team',
    width: 'minmax(130px, 2fr)',
    cell: (team) => (
      <Text size="sm" fw={500} truncate>
        {team.name}
      </Text>
    ),
  };
  const members: Column<Team> = {
    id: 'members',
    head: 'Members',
    width: narrow ? '130px' : 'minmax(150px, 1.2fr)',
    cell: (team) => <Faces team={team} narrow={narrow} />,
  };
  if (narrow) return [name, members];
  return [
    name,
    members,
    { id: 'keys', head: 'Keys', width: '64px', align: 'end', cell: (team) => <Tokens of={team.keys} /> },
    {
      id: 'spend',
      head: 'Spend, 30 days',
      width: '120px',
      align: 'end',
      cell: (team) => <Money usd={spent(spend, team.id)} />,
    },
    {
      id: 'made',
      head: 'Made',
      width: '72px',
      align: 'end',
      cell: (team) => <When at={team.created_at} style="day" />,
    },
  ];
}

function Faces({ team, narrow }: { team: Team; narrow: boolean }) {
  const shown = team.members.slice(0, narrow ? SHOWN_FACES - 1 : SHOWN_FACES);
  const rest = team.members.length - shown.length;
  if (team.members.length === 0)
    return (
      <Text size="sm" c="dimmed">
        Nobody yet
      </Text>
    );
  return (
    <Tooltip label={team.members.map((member) => member.name).join(', ')} multiline maw={320}>
      <Group gap={8} wrap="nowrap">
        <Avatar.Group aria-hidden spacing={4}>
          {shown.map((member) => (
            <Avatar key={member.user_id} size={28} radius="xl" name={member.name} color="pine" />
          ))}
          {rest > 0 && (
            <Avatar size={28} radius="xl">
              +{rest}
            </Avatar>
          )}
        </Avatar.Group>
        <Text size="xs" c="dimmed" visibleFrom="sm">
          {team.members.length === 1 ? '1 person' : `${team.members.length} people`}
        </Text>
      </Group>
    </Tooltip>
  );
}
