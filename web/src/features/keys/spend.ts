/** A key's spend by the day as a chart takes it. Pure. In nano-dollars, for the picture only. */

import type { Series } from '@/ui/charts/series';
import { nanosOf } from '@/ui/decimals';
import type { Key } from './form';

export type Daily = { times: readonly string[]; points: readonly (number | null)[] };

function begins(day: Date, reset: Key['budget_reset']): boolean {
  switch (reset) {
    case 'daily':
      return true;
    case 'weekly':
      return day.getUTCDay() === 1;
    case 'monthly':
      return day.getUTCDate() === 1;
    case null:
      return false;
  }
}

/** What was spent by the end of each day since its period began. Null where the beginning is out of sight. */
export function sinceReset(daily: Daily, key: Key, spentUsd: string): (number | null)[] {
  const first = daily.times[0];
  const inSight = first === undefined || new Date(key.created_at) >= new Date(first);
  let sum: number | null = inSight ? 0 : key.budget_reset === null ? spentBefore(daily, spentUsd) : null;
  return daily.times.map((at, step) => {
    if (begins(new Date(at), key.budget_reset)) sum = 0;
    if (sum !== null) sum += daily.points[step] ?? 0;
    return sum;
  });
}

function spentBefore({ points }: Daily, spentUsd: string): number {
  const seen = points.reduce<number>((all, point) => all + (point ?? 0), 0);
  return Math.max(0, Number(nanosOf(spentUsd)) - seen);
}

/** The last days of it. */
export function seriesOf(
  daily: Daily,
  points: readonly (number | null)[],
  days: number,
  name: string,
): Series {
  return {
    step: 'day',
    unit: 'nano_usd',
    times: daily.times.slice(-days),
    lines: [{ id: 'spend', name, points: points.slice(-days) }],
  };
}
