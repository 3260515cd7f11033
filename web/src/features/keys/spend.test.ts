import { describe, expect, it } from 'vitest';
import type { Key } from './form';
import { seriesOf, sinceReset } from './spend';

// Thursday to Wednesday.
const TIMES = Array.from({ length: 7 }, (_, day) => `2026-04-${String(28 + day)}T00:00:00Z`).map((at, day) =>
  day > 2 ? `2026-05-0${day - 2}T00:00:00Z` : at,
);
const DAILY = { times: TIMES, points: [1, 2, null, 4, 5, 6, 7] };
const key = (reset: Key['budget_reset'], created = '2025-01-01T00:00:00Z') =>
  ({ budget_reset: reset, created_at: created }) as Key;

describe('spend since the budget began anew', () => {
  it('begins every day, on Mondays, or on the first', () => {
    expect(sinceReset(DAILY, key('daily'), '0')).toEqual([1, 2, 0, 4, 5, 6, 7]);
    expect(sinceReset(DAILY, key('weekly'), '0')).toEqual([null, null, null, null, null, null, 7]);
    expect(sinceReset(DAILY, key('monthly'), '0')).toEqual([null, null, null, 4, 9, 15, 22]);
  });

  it('is known from the start for a key that was made in sight', () => {
    expect(sinceReset(DAILY, key('monthly', '2026-04-29T10:00:00Z'), '0')).toEqual([1, 3, 3, 4, 9, 15, 22]);
  });

  it('ends at what the book says where it never begins anew', () => {
    expect(sinceReset(DAILY, key(null), '0.000000100').at(-1)).toBe(100);
  });

  it('shows the last days only', () => {
    expect(seriesOf(DAILY, DAILY.points, 2, 'Spend')).toMatchObject({
      times: TIMES.slice(-2),
      lines: [{ points: [6, 7] }],
    });
  });
});
