import { describe, expect, it } from 'vitest';
import { periodOf, rangeName, rangeSearch, spanName } from './timeRange';

const NOW = new Date('2026-05-04T12:34:56Z');

describe('a preset', () => {
  it.each([
    ['1h', '2026-05-04T11:35:00Z', '2026-05-04T12:35:00Z', true],
    ['24h', '2026-05-03T13:00:00Z', '2026-05-04T13:00:00Z', true],
    ['7d', '2026-04-28T00:00:00Z', '2026-05-05T00:00:00Z', true],
    ['30d', '2026-04-05T00:00:00Z', '2026-05-05T00:00:00Z', true],
    ['month', '2026-05-01T00:00:00Z', '2026-05-05T00:00:00Z', true],
    ['last-month', '2026-04-01T00:00:00Z', '2026-05-01T00:00:00Z', false],
  ] as const)('%s is from %s to %s', (range, since, until, live) => {
    expect(periodOf({ range }, NOW)).toEqual({ since, until, live });
  });

  it('stays the same until its step is over', () => {
    const later = new Date('2026-05-04T12:59:59.999Z');
    expect(periodOf({ range: '24h' }, later)).toEqual(periodOf({ range: '24h' }, NOW));
    expect(periodOf({ range: '24h' }, new Date('2026-05-04T13:00:00Z')).until).toBe('2026-05-04T14:00:00Z');
  });

  it('crosses the new year', () => {
    const january = new Date('2026-01-15T00:00:00Z');
    expect(periodOf({ range: 'last-month' }, january).since).toBe('2025-12-01T00:00:00Z');
  });

  it('that nobody chose is the usual one', () => {
    expect(periodOf({}, NOW, '30d')).toEqual(periodOf({ range: '30d' }, NOW));
  });
});

describe('a range of its own', () => {
  it('of days includes the last one', () => {
    expect(periodOf({ since: '2026-05-01', until: '2026-05-02' }, NOW)).toEqual({
      since: '2026-05-01T00:00:00Z',
      until: '2026-05-03T00:00:00Z',
      live: false,
    });
  });

  it('is live while it is not over', () => {
    expect(periodOf({ since: '2026-05-01', until: '2026-05-04' }, NOW).live).toBe(true);
  });

  it('of moments is exact', () => {
    const search = { since: '2026-05-04T10:00:00Z', until: '2026-05-04T11:00:00+00:00' };
    expect(periodOf(search, NOW).until).toBe('2026-05-04T11:00:00Z');
  });
});

describe('an address', () => {
  it.each([
    [{ range: '7d' }, { range: '7d' }],
    [{ range: 'soon' }, {}],
    [
      { since: '2026-05-01', until: '2026-05-02', range: '7d' },
      { since: '2026-05-01', until: '2026-05-02' },
    ],
    [{ since: '2026-05-02', until: '2026-05-01' }, {}],
    [{ since: '2026-05-01' }, {}],
    [{ since: '2026-99-99', until: '2026-05-01' }, {}],
    [{ since: 5, until: 6 }, {}],
  ])('%j gives %j', (given, taken) => {
    expect(rangeSearch(given)).toEqual(taken);
  });
});

describe('its name', () => {
  it('is the preset, or the days', () => {
    expect(rangeName({}, NOW)).toBe('Last 7 days');
    expect(rangeName({ since: '2026-05-01', until: '2026-05-03' }, NOW)).toBe('May 1 – May 3');
    expect(rangeName({ since: '2026-05-01', until: '2026-05-01' }, NOW)).toBe('May 1');
    expect(spanName({ since: '2025-05-01T00:00:00Z', until: '2025-06-01T00:00:00Z' }, NOW)).toBe(
      'May 1, 2025 – May 31, 2025',
    );
  });
});
