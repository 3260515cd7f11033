import { describe, expect, it } from 'vitest';
import { expiryOf, SCOPE_GROUPS, scopesInWords, toggleGroup } from './scopes';

const [KEYS] = SCOPE_GROUPS;

describe('scopes of a token', () => {
  it('has each of the twelve in one group', () => {
    const all = SCOPE_GROUPS.flatMap((group) => group.scopes.map(({ value }) => value));
    expect(all).toHaveLength(12);
    expect(new Set(all).size).toBe(12);
  });

  it('is told by group', () => {
    expect(scopesInWords(null)).toBe('Everything you may do');
    expect(scopesInWords(['traces:write', 'keys:write', 'keys:read'])).toBe(
      'Keys (read, write), Reports and traces (send)',
    );
  });

  it('takes and leaves a whole group', () => {
    if (KEYS === undefined) throw new Error('no groups');
    expect(toggleGroup(['ledger:read', 'keys:read'], KEYS, true)).toEqual([
      'ledger:read',
      'keys:read',
      'keys:write',
    ]);
    expect(toggleGroup(['ledger:read', 'keys:read'], KEYS, false)).toEqual(['ledger:read']);
  });

  it('ends when it was said', () => {
    const now = new Date('2026-11-26T00:00:00Z');
    expect(expiryOf('30', now)).toBe('2026-12-26T00:00:00.000Z');
    expect(expiryOf('never', now)).toBeNull();
  });
});
