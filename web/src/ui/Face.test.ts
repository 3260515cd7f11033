import { expect, it } from 'vitest';
import { initialsOf } from './Face';

it.each([
  ['Ada Admin', 'AA'],
  ['ada maria admin', 'AM'],
  ['Ada', 'AD'],
  ['  ', ''],
  ['😀 x', '😀X'],
])('of "%s" shows %s', (name, letters) => {
  expect(initialsOf(name)).toBe(letters);
});
