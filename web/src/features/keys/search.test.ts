import { describe, expect, it } from 'vitest';
import { columnOf, isNarrowed, keySearch, keysSearch, queryOf, SORTS, sortOf } from './search';

describe('the address of the keys', () => {
  it('keeps what it knows and leaves the rest out', () => {
    const address = { q: 'ci', state: 'exhausted', team: 't1', tag: 'prod', sort: 'spend', evil: '<b>' };
    expect(keysSearch(address)).toEqual({
      q: 'ci',
      state: 'exhausted',
      team: 't1',
      tag: 'prod',
      sort: 'spend',
    });
    expect(keysSearch({ state: 'gone', sort: 7, q: '', make: 'yes' })).toEqual({});
    expect(keysSearch({ q: 2024, make: true })).toEqual({ q: '2024', make: true });
    expect(keysSearch({ q: 'x'.repeat(201) })).toEqual({});
  });

  it('is the API’s question', () => {
    expect(queryOf({ q: 'ci', user: 'u1', sort: 'name', make: true })).toEqual({
      search: 'ci',
      user_id: 'u1',
      sort: 'name',
    });
    expect(isNarrowed({ sort: 'name' })).toBe(false);
    expect(isNarrowed({ tag: 'prod' })).toBe(true);
  });

  it('has each order as the head of a column', () => {
    for (const sort of SORTS) expect(sortOf(columnOf(sort))).toBe(sort);
    expect(sortOf('-name')).toBe('name');
    expect(sortOf('spend')).toBe('spend');
  });
});

describe('the address of a key', () => {
  it('may name a receipt and how far back to look', () => {
    expect(keySearch({ receipt: 'call-1', days: 90 })).toEqual({ receipt: 'call-1', days: 90 });
    expect(keySearch({ receipt: ['a'], days: 31 })).toEqual({});
  });
});
