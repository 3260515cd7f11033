import { ScrollArea, SimpleGrid, Skeleton, Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { Schemas } from '@/api/client';
import { duration } from '@/ui/numbers';
import { Panel } from '@/ui/Panel';
import { Failed } from '@/ui/states';
import { Tokens } from '@/ui/Tokens';
import { DIMENSION_NAMES, type Dimension, nameOf } from './dimensions';
import { Histogram } from './Histogram';
import classes from './Overview.module.css';
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

type Row = Schemas['RowOut'];

/** A phone has room for the first two; the last is of the rarest. */
const QUANTILES = [
  { head: 'p50', of: (row: Row) => row.p50_ms, last: {} },
  { head: 'p95', of: (row: Row) => row.p95_ms, last: {} },
  { head: 'p99', of: (row: Row) => row.p99_ms, last: { visibleFrom: 'xs' } },
] as const;

function Rows({ rows, by }: { rows: Row[]; by: Dimension }) {
  const { one } = DIMENSION_NAMES[by];
  const label = `Latency by ${one.toLowerCase()}`;
  return (
    <ScrollArea
      type="auto"
      offsetScrollbars="present"
      viewportProps={{ tabIndex: 0, role: 'region', 'aria-label': label }}
    >
      <Table aria-label={label} fz="sm" verticalSpacing={5} horizontalSpacing="xs" miw={260}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">{one}</Table.Th>
            <Table.Th scope="col" ta="right" visibleFrom="xs">
              Calls
            </Table.Th>
            {QUANTILES.map(({ head, last }) => (
              <Table.Th key={head} scope="col" ta="right" {...last}>
                {head}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={row.value ?? ''}>
              <Table.Td maw={150} className={classes.cell} title={nameOf(by, row.value, row.name)}>
                {nameOf(by, row.value, row.name)}
              </Table.Td>
              <Table.Td ta="right" visibleFrom="xs">
                <Tokens of={row.calls} />
              </Table.Td>
              {QUANTILES.map(({ head, of, last }) => (
                <Table.Td key={head} ta="right" className={`${classes.cell} number`} {...last}>
                  {told(of(row))}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </ScrollArea>
  );
}

function told(ms: number | null): string {
  return ms === null ? '–' : duration(ms);
}
