import { describe, expect, it } from 'vitest';
import { barOf, ticksOf } from './axis';

const labels = (ms: number) => ticksOf(ms).map((tick) => tick.label);

describe('the time axis', () => {
  it('has round steps of every size', () => {
    expect(labels(0.05)).toEqual(['0', '0.01 ms', '0.02 ms', '0.03 ms', '0.04 ms', '0.05 ms']);
    expect(labels(730)).toEqual(['0', '200 ms', '400 ms', '600 ms']);
    expect(labels(7_730)).toEqual(['0', '2 s', '4 s', '6 s']);
    expect(labels(245_000)).toEqual(['0', '1 min', '2 min', '3 min', '4 min']);
    expect(labels(3 * 3_600_000)).toEqual(['0', '1 h', '2 h', '3 h']);
  });

  it('has never many ticks, however long or short the time', () => {
    for (const ms of [1e-6, 0.3, 999, 1_001, 59_999, 1e7, 1e10, 1e13]) {
      const ticks = ticksOf(ms);
      expect(ticks.length, String(ms)).toBeLessThanOrEqual(6);
      expect(ticks.at(-1)?.share).toBeLessThanOrEqual(1.000001);
    }
    expect(labels(0)).toEqual(['0']);
    expect(labels(Number.NaN)).toEqual(['0']);
    expect(labels(-5)).toEqual(['0']);
  });
});

describe('a bar', () => {
  it('stands where its span was', () => {
    expect(barOf(25, 50, 100)).toEqual({ left: 0.25, width: 0.5 });
  });

  it('stays on the axis whatever it is told', () => {
    expect(barOf(90, 50, 100)).toEqual({ left: 0.9, width: 1 - 0.9 });
    expect(barOf(-10, 5, 100)).toEqual({ left: 0, width: 0.05 });
    expect(barOf(Number.NaN, Number.POSITIVE_INFINITY, 100)).toEqual({ left: 0, width: 0 });
    expect(barOf(0, 0, 0)).toEqual({ left: 0, width: 1 });
  });
});
