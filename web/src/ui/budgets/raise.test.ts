import { describe, expect, it } from 'vitest';
import { ends, until, untilProblem } from './raise';

const NOW = new Date('2026-11-26T12:00:00Z');

describe('the end of a raise', () => {
  it('counts from now', () => {
    expect(until('day', '', null, NOW)).toBe('2026-11-27T12:00:00.000Z');
    expect(until('week', '', null, NOW)).toBe('2026-12-03T12:00:00.000Z');
  });

  it('may be the end of the period, where there is one', () => {
    expect(until('reset', '', '2026-12-01T00:00:00Z', NOW)).toBe('2026-12-01T00:00:00Z');
    expect(ends(null).map((each) => each.value)).not.toContain('reset');
  });

  it('must be ahead, and not too far', () => {
    expect(untilProblem('other', '', null, NOW)).toBe('Say until when');
    expect(untilProblem('other', '2026-11-01T00:00', null, NOW)).toBe('Must be in the future');
    expect(untilProblem('other', '2027-06-01T00:00', null, NOW)).toBe('At most 90 days ahead');
    expect(untilProblem('other', '2026-12-24T00:00', null, NOW)).toBeNull();
  });
});
