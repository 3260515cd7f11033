import { describe, expect, it } from 'vitest';
import { arranged, barScale, distinct, following, hear, type Page, type Trace } from './live';

const aTrace = (id: string, second = 0, more: Partial<Trace> = {}) =>
  ({ trace_id: id, started_at: `2026-11-26T07:00:${String(second).padStart(2, '0')}Z`, ...more }) as Trace;
const aPage = (count: number, next: string | null, at = 0): Page => ({
  traces: Array.from({ length: count }, (_, n) => aTrace(`t${at + n}`)),
  next_cursor: next,
  searched_to: '2026-11-26T00:00:00Z',
});
const ids = (traces: readonly Trace[]) => traces.map((trace) => trace.trace_id);

describe('newer traces', () => {
  it('wait until they are let in, then stand on top, newest first', () => {
    const loaded = [aTrace('a', 5), aTrace('b', 3)];
    const heard = hear(new Map(), [aTrace('d', 9), aTrace('c', 7), aTrace('a', 5, { spans: 4 })]);
    const waiting = arranged(loaded, heard, new Set());
    expect([ids(waiting.rows), ids(waiting.waiting)]).toEqual([
      ['a', 'b'],
      ['d', 'c'],
    ]);
    expect(waiting.rows[0]?.spans).toBe(4);
    expect(ids(arranged(loaded, heard, new Set(['d', 'c'])).rows)).toEqual(['d', 'c', 'a', 'b']);
    expect(ids(arranged([...loaded, aTrace('d', 9)], heard, new Set()).waiting)).toEqual(['c']);
  });

  it('change nothing when there are none', () => {
    const heard = hear(new Map(), [aTrace('a')]);
    expect(hear(heard, [])).toBe(heard);
  });
});

describe('pages', () => {
  it('hold a trace once', () => {
    expect(ids(distinct([aPage(2, 'x'), aPage(2, null, 1)]))).toEqual(['t0', 't1', 't2']);
  });

  it('go on by themselves while they are full, and for a while when they are not', () => {
    expect(following([], 2, 3, 0)).toBe('end');
    expect(following([aPage(2, null)], 2, 3, 0)).toBe('end');
    expect(following([aPage(2, 'x')], 2, 3, 0)).toBe('load');
    const short = [aPage(0, 'x'), aPage(1, 'x'), aPage(0, 'x')];
    expect(following(short.slice(1), 2, 3, 0)).toBe('load');
    expect(following(short, 2, 3, 0)).toBe('ask');
    expect(following([...short, aPage(0, 'x')], 2, 3, 3)).toBe('load');
  });
});

describe('the scale of bars', () => {
  it('is not set by the one that took longest', () => {
    const traces = [
      ...Array.from({ length: 99 }, () => aTrace('t', 0, { duration_ms: 10 })),
      aTrace('x', 0, { duration_ms: 9e9 }),
    ];
    expect(barScale(traces)).toBe(10);
    expect(barScale([])).toBe(1);
  });
});
