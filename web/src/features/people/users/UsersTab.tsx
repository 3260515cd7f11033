import { Button, Stack } from '@mantine/core';
import { IconUserPlus, IconUserSearch } from '@tabler/icons-react';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useMe } from '@/api/me';
import { DataTable } from '@/ui/DataTable';
import { LoadingTable } from '@/ui/LoadingTable';
import { Empty, Failed } from '@/ui/states';
import { useNarrow } from '@/ui/useNarrow';
import { spendQuery, type User, userQuery, usersQuery } from '../queries';
import { rightsOf } from '../rights';
import { usePeopleSearch } from '../usePeopleSearch';
import { columnsOf } from './columns';
import { UserFilters } from './UserFilters';

export function UsersTab({ invite }: { invite: () => void }) {
  return rightsOf(useMe()).seesAll ? <Everybody invite={invite} /> : <Oneself />;
}

function Everybody({ invite }: { invite: () => void }) {
  const { search, go } = usePeopleSearch();
  const { q, role, state, in_team } = search;
  const found = useInfiniteQuery(usersQuery(search));
  const rows = useMemo(() => found.data?.pages.flatMap((page) => page.users) ?? [], [found.data]);
  const filtered = [q, role, state, in_team].some((each) => each !== undefined);
  return (
    <Stack gap="md">
      <UserFilters />
      {found.isError && <Failed error={found.error} again={() => void found.refetch()} />}
      {found.isPending && <LoadingTable />}
      {found.isSuccess && (
        <Table
          rows={rows}
          more={{
            has: found.hasNextPage,
            busy: found.isFetchingNextPage,
            load: () => void found.fetchNextPage(),
          }}
          nothing={
            <Empty
              icon={<IconUserSearch aria-hidden />}
              title={filtered ? 'Nobody fits' : 'Nobody is here yet'}
            >
              {filtered ? (
                <Button
                  mt="xs"
                  variant="default"
                  onClick={() => go({ q: undefined, role: undefined, state: undefined, in_team: undefined })}
                >
                  Take the filters away
                </Button>
              ) : (
                <Button mt="xs" leftSection={<IconUserPlus size={16} aria-hidden />} onClick={invite}>
                  Invite somebody
                </Button>
              )}
            </Empty>
          }
        />
      )}
    </Stack>
  );
}

function Oneself() {
  const me = useMe();
  const found = useQuery(userQuery(me.user.id));
  if (found.isError) return <Failed error={found.error} again={() => void found.refetch()} />;
  if (found.isPending) return <LoadingTable rows={1} />;
  return <Table rows={[found.data]} />;
}

type TableProps = {
  rows: User[];
  more?: { has: boolean; busy: boolean; load: () => void };
  nothing?: React.ReactNode;
};

function Table({ rows, more, nothing }: TableProps) {
  const { go } = usePeopleSearch();
  const { data: spend } = useQuery(spendQuery('user'));
  const narrow = useNarrow();
  const columns = useMemo(() => columnsOf(spend, narrow), [spend, narrow]);
  return (
    <DataTable
      label="People"
      columns={columns}
      rows={rows}
      idOf={(user) => user.id}
      open={(user) => go({ user: user.id, team: undefined })}
      minWidth={narrow ? 300 : 820}
      {...(more === undefined ? {} : { more })}
      nothing={nothing}
    />
  );
}
