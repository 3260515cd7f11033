import { expect, it } from 'vitest';
import { barsOf, MOST_BARS } from './buckets';

const fine = (many: number) => Array.from({ length: many }, (_, at) => ({ most_ms: at + 1, calls: at % 3 }));

it('puts fine buckets together and loses no call', () => {
  const buckets = fine(100);
  const bars = barsOf(buckets);
  expect(bars.length).toBeLessThanOrEqual(MOST_BARS);
  const all = (each: readonly { calls: number }[]) => each.reduce((sum, { calls }) => sum + calls, 0);
  expect(all(bars)).toBe(all(buckets));
});

it('begins each bar where the one before ends, and leaves an empty end out', () => {
  const bars = barsOf([
    { most_ms: 1, calls: 2 },
    { most_ms: 2, calls: 3 },
    { most_ms: 4, calls: 0 },
  ]);
  expect(bars).toEqual([
    { from_ms: 0, most_ms: 1, calls: 2 },
    { from_ms: 1, most_ms: 2, calls: 3 },
  ]);
});

it('is nothing without calls', () => {
  expect(barsOf([])).toEqual([]);
});
