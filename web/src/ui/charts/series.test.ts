import { describe, expect, it } from 'vitest';
import { drawn, FORMATS, isEmpty, rowsOf, type Series, standsAlone, summary } from './series';

const TIMES = ['2026-05-01T00:00:00Z', '2026-05-02T00:00:00Z', '2026-05-03T00:00:00Z'];
const day = (at: string) => `on ${at.slice(0, 10)}`;

function series(given: Partial<Series> = {}): Series {
  const lines = [
    { id: 'gpt-4.1', name: 'gpt-4.1', points: [1_000_000_000, 0, 2_000_000_000] },
    { id: '', name: 'Other', points: [0, 0, 500_000_000], other: true },
  ];
  return { times: TIMES, step: 'day', unit: 'nano_usd', lines, ...given };
}

describe('lines', () => {
  it('have keys that are no paths, whatever they are called', () => {
    const lines = drawn(series().lines);
    expect(rowsOf(TIMES, lines)[2]).toEqual({ at: TIMES[2], l0: 2_000_000_000, l1: 500_000_000 });
  });

  it('keep their gaps', () => {
    const lines = drawn([{ id: 'a', name: 'a', points: [1, null] }]);
    expect(rowsOf(TIMES, lines).map((row) => row.l0)).toEqual([1, null, null]);
  });

  it('show what is left over in grey, and one alone in the first colour', () => {
    expect(drawn(series().lines)[1]?.colour).toBe('var(--chart-other)');
    expect(drawn([{ id: 'x', name: 'x', points: [] }])[0]?.colour).toBe('var(--chart-1)');
  });

  it('know a point that stands alone', () => {
    expect([null, 5, null, 1, 2].map((_, at, all) => standsAlone(all, at))).toEqual([
      false,
      true,
      false,
      false,
      false,
    ]);
  });

  it('are empty without a value', () => {
    expect(isEmpty(series({ lines: [{ id: 'a', name: 'a', points: [0, null, 0] }] }))).toBe(true);
    expect(isEmpty(series())).toBe(false);
  });
});

describe('a summary', () => {
  it('tells the sum, the parts and the highest', () => {
    expect(summary('Spend by model', series(), day)).toBe(
      'Spend by model: $3.50 in all. gpt-4.1 $3.00, Other $0.50. Highest on 2026-05-03: $2.50.',
    );
  });

  it('of durations tells from where to where', () => {
    const lines = [{ id: '', name: 'All', points: [100, null, 1_500] }];
    expect(summary('p95', series({ unit: 'ms', lines }), day)).toBe('p95. All: from 100 ms to 1.50 s.');
  });

  it('of nothing says so', () => {
    expect(summary('Calls', series({ lines: [] }), day)).toBe('Calls: nothing in this time.');
  });
});

describe('formats', () => {
  it('have round ticks without noughts', () => {
    expect([0, 250, 2_000, 2_500, 45_000, 60_000].map(FORMATS.ms.axis)).toEqual([
      '0',
      '250 ms',
      '2 s',
      '2.50 s',
      '45 s',
      '1 min',
    ]);
  });

  it('are short on axes and exact in tables', () => {
    const { axis, shown, exact } = FORMATS.nano_usd;
    expect([axis(1.5e12), shown(1.5e12), exact(1_234_567_891)]).toEqual([
      '$1.5K',
      '$1,500.00',
      '$1.234567891',
    ]);
  });
});
