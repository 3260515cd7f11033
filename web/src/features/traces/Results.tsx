import { Button, Group, Text } from '@mantine/core';
import { IconRefresh } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { LoadingTable } from '@/ui/LoadingTable';
import { Failed } from '@/ui/states';
import type { Period } from '@/ui/timeRange';
import { When } from '@/ui/When';
import type { Filters } from './filters';
import { distinct, following } from './live';
import { NothingFound } from './NothingFound';
import { PAGE, tracesQuery } from './queries';
import type { TracesSearch } from './search';
import { TraceTable } from './TraceTable';
import { useLive } from './useLive';

type Props = {
  search: TracesSearch;
  filters: Filters;
  change: (search: TracesSearch) => void;
  period: Period;
};

/** A search for something rare goes on by itself for this many pages that are not full. */
const PATIENCE = 6;

export function Results({ search, filters, change, period }: Props) {
  const navigate = useNavigate();
  const query = useInfiniteQuery(tracesQuery(filters, period));
  const pages = query.data?.pages;
  const [furtherBack, setFurtherBack] = useState({ filters, pages: 0 });
  const asked = furtherBack.filters === filters ? furtherBack.pages : 0;
  const [held, setHeld] = useState(false);
  const loaded = useMemo(() => distinct(pages ?? []), [pages]);
  const live = useLive(filters, period, loaded, {
    on: search.live === true && period.live && !query.isPending && !query.isPlaceholderData,
    held,
  });
  if (query.isPending) return <LoadingTable rows={10} rowHeight={56} />;
  if (pages === undefined) return <Failed error={query.error} again={() => void query.refetch()} />;
  const next = following(pages, PAGE, PATIENCE, asked);
  const busy = query.isFetchingNextPage || query.isPlaceholderData;
  const searching = next === 'load' || busy;
  const reached = pages.at(-1)?.searched_to ?? null;
  return (
    <>
      <TraceTable
        rows={live.rows}
        waiting={live.waiting}
        letAllIn={live.letAllIn}
        reading={setHeld}
        open={(trace) =>
          void navigate({
            to: '/traces/$traceId',
            params: { traceId: trace.trace_id },
            state: { tracesSearch: search },
          })
        }
        more={{
          has: next === 'load' && query.error === null,
          busy,
          load: () => void query.fetchNextPage(),
        }}
        stale={query.isPlaceholderData}
        nothing={
          searching ? (
            <LoadingTable rows={6} />
          ) : next === 'end' ? (
            <NothingFound search={search} change={change} />
          ) : null
        }
      />
      <Group justify="space-between" mt="sm" gap="sm" mih={30}>
        <Text size="sm" c="dimmed" component="div" role="status">
          {next === 'ask' && !busy ? (
            <>
              {live.rows.length === 0 ? 'Nothing found so far. ' : ''}Looked through everything since{' '}
              <When at={reached} style="minute" />.
            </>
          ) : live.rows.length === 0 ? null : next === 'end' ? (
            `${live.rows.length} ${live.rows.length === 1 ? 'trace' : 'traces'}, all of this time`
          ) : (
            `${live.rows.length} ${live.rows.length === 1 ? 'trace' : 'traces'} so far`
          )}
        </Text>
        {next === 'ask' && (
          <Button
            size="xs"
            variant="default"
            loading={busy}
            onClick={() => {
              setFurtherBack({ filters, pages: pages.length });
              void query.fetchNextPage();
            }}
          >
            Search further back
          </Button>
        )}
        {next === 'end' && search.live !== true && period.live && (
          <Button
            size="xs"
            variant="subtle"
            color="gray"
            leftSection={<IconRefresh size={14} aria-hidden />}
            loading={query.isRefetching}
            onClick={() => void query.refetch()}
          >
            Look again
          </Button>
        )}
      </Group>
      {query.error !== null && (
        <Failed error={query.error} what="The search stopped" again={() => void query.fetchNextPage()} />
      )}
      {live.error !== null && query.error === null && (
        <Failed error={live.error} what="Newer traces cannot be seen for now" />
      )}
    </>
  );
}
