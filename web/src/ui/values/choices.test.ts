import { expect, it } from 'vitest';
import { choicesOf } from './choices';

const ROWS = [
  { value: 'k1', name: 'Laptop', calls: 5 },
  { value: null, name: null, calls: 2 },
];
const nameOf = (value: string, name: string | null) => (value === '' ? 'No key' : (name ?? `Key ${value}`));
const values = (choices: readonly { value: string }[]) => choices.map((choice) => choice.value);

it('offers what had calls, and what is chosen or fixed without any', () => {
  expect(choicesOf(ROWS, ['k1', 'k2'], '', { nameOf, fixed: ['k3'] })).toEqual([
    { value: 'k1', name: 'Laptop', calls: 5 },
    { value: '', name: 'No key', calls: 2 },
    { value: 'k2', name: 'Key k2', calls: null },
    { value: 'k3', name: 'Key k3', calls: null },
  ]);
});

it('is narrowed by what people call them, and by the values themselves', () => {
  expect(values(choicesOf(ROWS, [], ' LAP ', { nameOf }))).toEqual(['k1']);
  expect(values(choicesOf(ROWS, [], 'K1', { nameOf }))).toEqual(['k1']);
  expect(choicesOf(ROWS, [], 'k9', { nameOf })).toEqual([]);
});

it('takes what is typed as a value only where that may be one, and once', () => {
  expect(values(choicesOf(ROWS, [], ' k9 ', { nameOf, free: true }))).toEqual(['k9']);
  expect(values(choicesOf(ROWS, [], 'k1', { nameOf, free: true }))).toEqual(['k1']);
  expect(values(choicesOf(ROWS, [], ' ', { nameOf, free: true }))).toEqual(['k1', '']);
});
