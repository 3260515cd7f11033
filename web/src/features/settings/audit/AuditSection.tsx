import { Button, Group, Menu } from '@mantine/core';
import { IconDownload, IconHistory } from '@tabler/icons-react';
import { infiniteQueryOptions, useInfiniteQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { api, take } from '@/api/client';
import { LONG_LIST } from '@/api/queries';
import { DataTable } from '@/ui/DataTable';
import { LoadingTable } from '@/ui/LoadingTable';
import { Empty, Failed } from '@/ui/states';
import { useNarrow } from '@/ui/useNarrow';
import { Section } from '../Section';
import type { SettingsSearch } from '../search';
import { AuditFilters } from './AuditFilters';
import { AuditLine } from './AuditLine';
import { columnsOf } from './columns';
import { exportAddress, type Line, queryOf } from './entries';
import { useAuditSearch } from './useAuditSearch';

const PAGE = 200;

function auditQuery(search: SettingsSearch) {
  const query = { ...queryOf(search), limit: PAGE };
  return infiniteQueryOptions({
    queryKey: ['settings', 'audit', query],
    queryFn: ({ signal, pageParam }) =>
      take(api.GET('/v1/audit', { params: { query: { ...query, cursor: pageParam } }, signal })),
    initialPageParam: null as number | null,
    getNextPageParam: (page) => page.next_cursor,
    ...LONG_LIST,
  });
}

export default function AuditSection() {
  const { search, clear, filtered } = useAuditSearch();
  const found = useInfiniteQuery(auditQuery(search));
  const rows = useMemo(() => found.data?.pages.flatMap((page) => page.lines) ?? [], [found.data]);
  const [shown, setShown] = useState<Line | null>(null);
  const narrow = useNarrow();
  return (
    <Section id="audit" actions={<Export search={search} />}>
      <AuditFilters />
      {found.isError && <Failed error={found.error} again={() => void found.refetch()} />}
      {found.isPending && <LoadingTable />}
      {found.isSuccess && (
        <DataTable
          label="Audit log"
          columns={columnsOf(narrow)}
          rows={rows}
          idOf={(line) => String(line.id)}
          open={setShown}
          minWidth={narrow ? 300 : 700}
          more={{
            has: found.hasNextPage,
            busy: found.isFetchingNextPage,
            load: () => void found.fetchNextPage(),
          }}
          nothing={
            <Empty
              icon={<IconHistory aria-hidden />}
              title={filtered ? 'No line fits' : 'Nothing was changed yet'}
              action={
                filtered && (
                  <Button variant="default" onClick={clear}>
                    Take the filters away
                  </Button>
                )
              }
            />
          }
        />
      )}
      <AuditLine line={shown} close={() => setShown(null)} />
    </Section>
  );
}

/** What the list shows, as a file: a link, so that it may be as long as it is. */
function Export({ search }: { search: SettingsSearch }) {
  return (
    <Group>
      <Menu position="bottom-end">
        <Menu.Target>
          <Button variant="default" size="xs" leftSection={<IconDownload size={14} aria-hidden />}>
            Export
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item component="a" href={exportAddress(search, 'csv')} download>
            CSV, for a spreadsheet
          </Menu.Item>
          <Menu.Item component="a" href={exportAddress(search, 'ndjson')} download>
            NDJSON, for a program
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </Group>
  );
}
