import { Group, SegmentedControl } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { OverTime } from '@/ui/charts/OverTime';
import { nanosOf } from '@/ui/decimals';
import { usd } from '@/ui/numbers';
import { Panel } from '@/ui/Panel';
import { Failed } from '@/ui/states';
import type { Key } from './form';
import { spendQuery } from './queries';
import { DAYS, type Days } from './search';
import { type Daily, seriesOf, sinceReset } from './spend';

const HEIGHT_PX = 260;

type Props = { of: Key; spent: string; days: Days; change: (days: Days) => void };
type View = 'sum' | 'day';

/** What the key spent: towards its budget, or day by day. */
export function SpendPanel({ of: key, spent, days, change }: Props) {
  const { data, error, refetch, isPlaceholderData } = useQuery(spendQuery(key.id, days));
  const sums = key.budget_usd !== null && key.budget_reset !== 'daily';
  const [chosen, setChosen] = useState<View>('sum');
  const view: View = sums ? chosen : 'day';
  const daily: Daily | undefined = data && { times: data.times, points: data.lines[0]?.points ?? [] };
  const series =
    daily &&
    (view === 'sum'
      ? seriesOf(daily, sinceReset(daily, key, spent), days, 'Spent of the budget')
      : seriesOf(
          daily,
          daily.times.map((_, step) => daily.points[step] ?? 0),
          days,
          'Spend',
        ));
  return (
    <Panel
      title="Spend over time"
      actions={
        <Group gap="xs">
          {sums && (
            <SegmentedControl
              size="xs"
              aria-label="What is shown"
              value={view}
              onChange={(value) => setChosen(value === 'day' ? 'day' : 'sum')}
              data={[
                { value: 'sum', label: 'Towards the budget' },
                { value: 'day', label: 'By day' },
              ]}
            />
          )}
          <SegmentedControl
            size="xs"
            aria-label="How far back"
            value={String(days)}
            onChange={(value) => change(DAYS.find((each) => String(each) === value) ?? 30)}
            data={DAYS.map((each) => ({ value: String(each), label: `${each} days` }))}
          />
        </Group>
      }
    >
      {error !== null && data === undefined ? (
        <Failed error={error} what="The spend could not be loaded" again={() => void refetch()} />
      ) : (
        <OverTime
          label={view === 'sum' ? 'Spend towards the budget' : 'Spend by day'}
          series={series}
          shape={view === 'sum' ? 'area' : 'bar'}
          height={HEIGHT_PX}
          mark={markOf(key, view)}
          stale={isPlaceholderData}
        />
      )}
    </Panel>
  );
}

function markOf(key: Key, view: View) {
  if (key.budget_usd === null || (view === 'day' && key.budget_reset !== 'daily')) return undefined;
  return { value: Number(nanosOf(key.budget_usd)), label: `Budget ${usd(key.budget_usd)}` };
}
