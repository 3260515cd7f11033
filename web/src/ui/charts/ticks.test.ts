import { describe, expect, it } from 'vitest';
import { roundTicks } from './ticks';

describe('the values of an axis', () => {
  it.each([
    [26.25e9, [0, 10e9, 20e9, 30e9]],
    [4, [0, 1, 2, 3, 4]],
    [9.1, [0, 2.5, 5, 7.5, 10]],
    [1, [0, 0.25, 0.5, 0.75, 1]],
    [1e15, [0, 2.5e14, 5e14, 7.5e14, 1e15]],
    [0, [0]],
  ])('up to %d are round and reach it', (highest, ticks) => {
    expect(roundTicks(highest, 5)).toEqual(ticks);
  });
});
