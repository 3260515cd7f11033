import { describe, expect, it } from 'vitest';
import { peopleSearch } from './search';

describe('the address of People', () => {
  it('keeps what it knows', () => {
    const search = { tab: 'teams', q: 'ann', role: 'member', state: 'disabled', team: 'x' };
    expect(peopleSearch(search)).toEqual(search);
  });

  it('leaves out what it does not', () => {
    expect(
      peopleSearch({ tab: 'x', role: 'owner', state: 1, q: '', user: 'a'.repeat(201), evil: 1 }),
    ).toEqual({});
  });

  it('takes a number as text, as the address may have it', () => {
    expect(peopleSearch({ q: 42 })).toEqual({ q: '42' });
  });
});
