import { Button } from '@mantine/core';
import { IconPlus, IconUsersGroup } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useMe } from '@/api/me';
import { type Column, DataTable } from '@/ui/DataTable';
import { Faces } from '@/ui/Face';
import { hint } from '@/ui/hinting';
import { LoadingTable } from '@/ui/LoadingTable';
import { Money } from '@/ui/Money';
import { Empty, Failed } from '@/ui/states';
import { Tokens } from '@/ui/Tokens';
import text from '@/ui/text.module.css';
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
  if (found.isPending) return <LoadingTable />;
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
    cell: (team) => <div className={text.strong}>{team.name}</div>,
  };
  const members: Column<Team> = {
    id: 'members',
    head: 'Members',
    width: narrow ? '130px' : 'minmax(150px, 1.2fr)',
    cell: (team) => <MembersCell of={team} narrow={narrow} />,
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

function MembersCell({ of: team, narrow }: { of: Team; narrow: boolean }) {
  const names = team.members.map((member) => member.name);
  if (names.length === 0) return <span className={text.faint}>Nobody yet</span>;
  return (
    <div className={text.pair} {...hint(names.join(', '))}>
      <Faces names={names} most={narrow ? SHOWN_FACES - 1 : SHOWN_FACES} />
      {!narrow && (
        <span className={text.note}>{names.length === 1 ? '1 person' : `${names.length} people`}</span>
      )}
    </div>
  );
}
