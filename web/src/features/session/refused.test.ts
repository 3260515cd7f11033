import { expect, it } from 'vitest';
import { refusedWords } from './refused';

it('has words for a code, and for one that it does not know', () => {
  expect(refusedWords('unknown_person')).toMatch(/invite you/);
  expect(refusedWords('constructor')).toBe(refusedWords('whatever'));
});
