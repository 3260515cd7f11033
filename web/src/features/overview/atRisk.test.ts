import { describe, expect, it } from 'vitest';
import { atRisk, type Limit, runsOutAt, shareOf } from './atRisk';

const NOON = new Date('2026-05-04T12:00:00Z');

function limit(given: Partial<Limit> = {}): Limit {
  return {
    id: 1,
    scope: { kind: 'key', id: 'k', name: 'Laptop', key_hash: 'a'.repeat(64) },
    main: true,
    reset: 'daily',
    models: null,
    limit_usd: '10.000000000',
    raise: null,
    effective_limit_usd: '10.000000000',
    spent_usd: '2.000000000',
    held_usd: '0.000000000',
    in_doubt_usd: '0.000000000',
    remaining_usd: '8.000000000',
    outstanding_usd: null,
    resets_at: '2026-05-05T00:00:00Z',
    thresholds: [],
    fired_percent: null,
    ...given,
  };
}

describe('a budget', () => {
  it('counts what is spent, held and in doubt', () => {
    expect(shareOf(limit({ held_usd: '1', in_doubt_usd: '2' }))).toBe(0.5);
    expect(shareOf(limit({ effective_limit_usd: null }))).toBe(0);
    expect(shareOf(limit({ effective_limit_usd: '0' }))).toBe(1);
  });

  it('that is spent faster than its day goes by runs out before the reset', () => {
    expect(runsOutAt(limit({ spent_usd: '6' }), NOON)).toBe('2026-05-04T20:00:00.000Z');
    expect(runsOutAt(limit({ spent_usd: '4' }), NOON)).toBeNull();
  });

  it('by the month counts from the first', () => {
    const monthly = limit({ reset: 'monthly', resets_at: '2026-06-01T00:00:00Z', spent_usd: '3.5' });
    expect(runsOutAt(monthly, NOON)).toBe('2026-05-11T00:00:00.000Z');
  });

  it('says nothing of a period that has only begun, or of none', () => {
    expect(runsOutAt(limit({ spent_usd: '6' }), new Date('2026-05-04T01:00:00Z'))).toBeNull();
    expect(runsOutAt(limit({ reset: null, resets_at: null, spent_usd: '6' }), NOON)).toBeNull();
  });
});

describe('budgets at risk', () => {
  it('are those that are nearly spent or will be, the worst first', () => {
    const found = atRisk(
      [
        limit({ id: 1 }),
        limit({ id: 2, spent_usd: '6' }),
        limit({ id: 3, reset: null, resets_at: null, spent_usd: '8' }),
        limit({ id: 4, spent_usd: '10' }),
      ],
      NOON,
    );
    expect(found.map((risk) => risk.limit.id)).toEqual([4, 3, 2]);
  });
});
