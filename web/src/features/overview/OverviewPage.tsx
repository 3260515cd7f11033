import { Button, Group, SimpleGrid, Stack } from '@mantine/core';
import { IconChartHistogram, IconTestPipe } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { seesAll, useMe } from '@/api/me';
import { PageHeader } from '@/ui/PageHeader';
import { Empty, Failed } from '@/ui/states';
import { TimeRange } from '@/ui/TimeRange';
import { type Preset, rangeSearch } from '@/ui/timeRange';
import { AtRiskPanel } from './AtRiskPanel';
import type { Limit } from './atRisk';
import { ExportMenu } from './ExportMenu';
import { FailuresPanel } from './FailuresPanel';
import { FilterBar } from './FilterBar';
import { LatencyPanel } from './LatencyPanel';
import { OverTimePanel } from './OverTimePanel';
import { overviewQuery } from './queries';
import { ReportedPanel } from './ReportedPanel';
import { NO_FILTERS, type OverviewSearch } from './search';
import { TopLists } from './TopLists';
import { Totals } from './Totals';
import { useAsked, useOverviewSearch } from './useAsked';

/** Sums are kept by the hour: of the last one alone there is little to see. */
const PRESETS: readonly Preset[] = ['24h', '7d', '30d', 'month', 'last-month'];

type Props = {
  /** What somebody else has to say here, as to those who have only begun. */
  above?: ReactNode;
  /** Other limits on past calls, drawn by another feature; null: on those of the whole organisation. */
  whatIf: (of: Limit | null, close: () => void) => ReactNode;
};

/** What calls came to. */
export function OverviewPage({ above, whatIf }: Props) {
  const me = useMe();
  const [tried, setTried] = useState<Limit | null>(null);
  const [search, change] = useOverviewSearch();
  const asked = useAsked(search);
  const query = useQuery(overviewQuery(asked));
  const overview = query.data;
  const quiet = overview?.totals.calls === 0 && !query.isPlaceholderData;
  return (
    <>
      <PageHeader
        title="Overview"
        actions={
          <>
            {seesAll(me) && (
              <Button
                variant="default"
                visibleFrom="sm" // on a phone there are the budgets at risk, and the search
                leftSection={<IconTestPipe size={16} aria-hidden />}
                onClick={() => change({ what_if: true })}
              >
                What if…
              </Button>
            )}
            <ExportMenu asked={asked} />
            <TimeRange
              value={search}
              change={({ range, since, until }) => change({ range, since, until })}
              presets={PRESETS}
            />
          </>
        }
      >
        {seesAll(me) ? 'What your organisation’s calls came to' : 'What your calls and your teams’ came to'}
      </PageHeader>
      {above}
      <Stack gap="lg">
        <FilterBar asked={asked} change={change} />
        {query.isError && overview === undefined ? (
          <Failed
            error={query.error}
            again={() => void query.refetch()}
            what="The sums could not be loaded"
          />
        ) : (
          <Totals overview={overview} />
        )}
        {quiet ? (
          <Quiet filtered={Object.keys(asked.filters).length > 0} change={change} />
        ) : (
          <>
            <OverTimePanel asked={asked} search={search} change={change} />
            <TopLists asked={asked} overview={overview} search={search} change={change} />
          </>
        )}
        {/* What stands below waits: it would have to move when there turns out to be nothing above. */}
        {!query.isPending && (
          <>
            <SimpleGrid cols={{ base: 1, sm: quiet ? 1 : 2 }} spacing="md">
              <AtRiskPanel tryOut={seesAll(me) ? setTried : undefined} />
              {!quiet && <FailuresPanel asked={asked} range={rangeSearch(search)} />}
            </SimpleGrid>
            {!quiet && <LatencyPanel asked={asked} by={search.by ?? 'model'} />}
          </>
        )}
        {overview !== undefined && <ReportedPanel totals={overview.totals} />}
      </Stack>
      {tried !== null && whatIf(tried, () => setTried(null))}
      {search.what_if && seesAll(me) && whatIf(null, () => change({ what_if: undefined }))}
    </>
  );
}

type QuietProps = { filtered: boolean; change: (changed: OverviewSearch) => void };

function Quiet({ filtered, change }: QuietProps) {
  return (
    <Empty
      icon={<IconChartHistogram aria-hidden />}
      title={filtered ? 'No calls match' : 'No calls in this time'}
      action={
        <Group>
          <Button
            variant="default"
            onClick={() => change({ range: '30d', since: undefined, until: undefined })}
          >
            Show the last 30 days
          </Button>
          {filtered ? (
            <Button onClick={() => change(NO_FILTERS)}>Clear filters</Button>
          ) : (
            <Button component={Link} to="/keys">
              Go to keys
            </Button>
          )}
        </Group>
      }
    >
      {filtered
        ? 'Nothing in this time has all that you filter by. Take a filter away, or choose a longer time.'
        : 'Make a call with one of your virtual keys, or send spans, and its numbers stand here within a second.'}
    </Empty>
  );
}
