import { describe, expect, it } from 'vitest';
import { ownPath, signInSearch } from './search';

describe('where to go on', () => {
  it.each(['/', '/keys', '/traces?tool=cursor&from=-7d#x', '/keys/a%20b'])('%s is ours', (path) => {
    expect(ownPath(path)).toBe(path);
  });

  it.each([
    '//evil.example',
    '/\\evil.example',
    'https://evil.example',
    '/\t/evil.example',
    '',
    'keys',
    '/sign-in',
    7,
  ])('%s is not a place to go', (path) => {
    expect(ownPath(path)).toBeNull();
  });

  it('is left out of the address when it is not ours, as is what is no code', () => {
    expect(signInSearch({ return_to: '//x', refused: '<b>' })).toEqual({});
    expect(signInSearch({ return_to: '/keys', refused: 'access_denied' })).toEqual({
      return_to: '/keys',
      refused: 'access_denied',
    });
  });
});
