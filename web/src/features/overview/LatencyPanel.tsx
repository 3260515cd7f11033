import { ScrollArea, SimpleGrid, Skeleton, Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { Schemas } from '@/api/client';
import { duration } from '@/ui/numbers';
import { Panel } from '@/ui/Panel';
import { Failed } from '@/ui/states';
import { Tokens } from '@/ui/Tokens';
import { DIMENSION_NAMES, type Dimension, nameOf } from './dimensions';
import { Histogram } from './Histogram';
import { type Asked, latencyQuery } from './queries';

/** How long calls took: all of them, and by what the chart is grouped by. */
export function LatencyPanel({ asked, by }: { asked: Asked; by: Dimension }) {
  const query = useQuery(latencyQuery(asked, by));
  return (
    <Panel title="How long calls take">
      {query.isError && query.data === undefined ? (
        <Failed error={query.error} again={() => void query.refetch()} />
      ) : (
        <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="xl">
          {query.data === undefined ? (
            <>
              <Skeleton h={292} />
              <Skeleton h={292} />
            </>
          ) : (
            <>
              <Histogram buckets={query.data.histogram} />
              <Rows rows={query.data.rows} by={by} />
            </>
          )}
        </SimpleGrid>
      )}
    </Panel>
  );
}

function Rows({ rows, by }: { rows: Schemas['RowOut'][]; by: Dimension }) {
  const { one } = DIMENSION_NAMES[by];
  const label = `Latency by ${one.toLowerCase()}`;
  const told = (ms: number | null) => (ms === null ? '–' : duration(ms));
  return (
    <ScrollArea
      type="auto"
      offsetScrollbars="present"
      viewportProps={{ tabIndex: 0, role: 'region', 'aria-label': label }}
    >
      <Table aria-label={label} fz="sm" verticalSpacing={5} horizontalSpacing="xs" miw={300}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">{one}</Table.Th>
            <Table.Th scope="col" ta="right" visibleFrom="xs">
              Calls
            </Table.Th>
            {['p50', 'p95', 'p99'].map((head) => (
              <Table.Th key={head} scope="col" ta="right">
                {head}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={row.value ?? ''}>
              <Table.Td
                maw={150}
                style={{ overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' }}
              >
                {nameOf(by, row.value, row.name)}
              </Table.Td>
              <Table.Td ta="right" visibleFrom="xs">
                <Tokens of={row.calls} />
              </Table.Td>
              {[row.p50_ms, row.p95_ms, row.p99_ms].map((ms, place) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: three columns
                <Table.Td key={place} ta="right" className="number" style={{ whiteSpace: 'nowrap' }}>
                  {told(ms)}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </ScrollArea>
  );
}
