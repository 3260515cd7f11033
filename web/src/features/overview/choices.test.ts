import { expect, it } from 'vitest';
import { choicesOf } from './choices';

const ROWS = [
  { value: 'k1', name: 'Laptop', calls: 5 },
  { value: null, name: null, calls: 2 },
];

it('offers what had calls, and what is chosen without any', () => {
  expect(choicesOf('key', ROWS, ['k1', 'k2'], '')).toEqual([
    { value: 'k1', name: 'Laptop', calls: 5 },
    { value: '', name: 'No key', calls: 2 },
    { value: 'k2', name: 'Deleted key k2', calls: null },
  ]);
});

it('is narrowed by what people call them', () => {
  expect(choicesOf('key', ROWS, [], ' LAP ').map((choice) => choice.value)).toEqual(['k1']);
});
