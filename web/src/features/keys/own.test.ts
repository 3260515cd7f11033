import { describe, expect, it } from 'vitest';
import type { Key } from './form';
import { foundOf, totalsOf } from './own';

function key(name: string, fields: Partial<Key> = {}): Key {
  const plain = { hash: name, display: 'aig_', user_id: 'me', team_id: null, owner: null, team_name: null };
  const times = { created_at: '2026-01-01T00:00:00Z', last_used_at: null };
  return { ...plain, ...times, name, tags: [], state: 'active', spend_usd: '0.1000', ...fields } as Key;
}

const KEYS = [
  key('ci', { tags: ['prod'], spend_usd: '0.2000', created_at: '2026-02-01T00:00:00Z' }),
  key('Laptop', { state: 'disabled', last_used_at: '2026-03-01T00:00:00Z' }),
  key('Team', { user_id: null, team_id: 't', team_name: 'Research' }),
];
const names = (search: Parameters<typeof foundOf>[1]) => foundOf(KEYS, search).map((each) => each.name);

describe('a member’s keys', () => {
  it('are found as the server finds them', () => {
    expect(names({ q: 'RESEARCH' })).toEqual(['Team']);
    expect(names({ state: 'disabled' })).toEqual(['Laptop']);
    expect(names({ tag: 'prod' })).toEqual(['ci']);
    expect(names({ team: 't' })).toEqual(['Team']);
    expect(names({ user: 'me' })).toHaveLength(2);
  });

  it('are in the order that was asked for, newest first if none was', () => {
    expect(names({})[0]).toBe('ci');
    expect(names({ sort: 'oldest' }).at(-1)).toBe('ci');
    expect(names({ sort: 'name' })).toEqual(['ci', 'Laptop', 'Team']);
    expect(names({ sort: 'spend' })[0]).toBe('ci');
    expect(names({ sort: 'last_used' })[0]).toBe('Laptop');
  });

  it('come to an exact sum', () => {
    expect(totalsOf(KEYS)).toEqual({
      keys: 3,
      spend_usd: '0.400000000',
      by_state: { active: 2, disabled: 1 },
    });
  });
});
