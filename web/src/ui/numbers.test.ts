import { describe, expect, it } from 'vitest';
import { change, count, duration, exactUsd, percent, short, usd, usdOfNanos } from './numbers';

describe('money', () => {
  it.each([
    ['0', '$0.00'],
    ['0.000000000', '$0.00'],
    ['12.5', '$12.50'],
    ['1204.5', '$1,204.50'],
    ['0.5', '$0.50'],
    ['0.25', '$0.25'],
    ['0.0042', '$0.0042'],
    ['0.000012345', '$0.000012'],
    ['0.000000001', '$0.000000001'],
    ['0.010', '$0.01'],
    ['0.9999', '$1.00'],
    ['9999999.99', '$9,999,999.99'],
    ['12345678.9', '$12.35M'],
    ['1234567890.12', '$1.23B'],
    ['-3.2', '\u2212$3.20'],
  ])('%s dollars are shown as %s', (given, shown) => {
    expect(usd(given)).toBe(shown);
  });

  it.each([
    ['1204.500000000', '$1,204.50'],
    ['0.000012345', '$0.000012345'],
    ['-0.1', '\u2212$0.10'],
    ['98765432109876.123456789', '$98,765,432,109,876.123456789'],
  ])('%s is exactly %s', (given, shown) => {
    expect(exactUsd(given)).toBe(shown);
  });
});

describe('nano-dollars', () => {
  it.each([
    [0, '0.000000000'],
    [1, '0.000000001'],
    [12_345_678_901, '12.345678901'],
    [-1_500_000_000, '-1.500000000'],
  ])('%d are %s dollars', (nanos, text) => {
    expect(usdOfNanos(nanos)).toBe(text);
  });
});

describe('numbers', () => {
  it('are short where many stand together, and exact on demand', () => {
    expect([short(9_999), short(10_000), short(1_234_567)]).toEqual(['9,999', '10K', '1.2M']);
    expect(count(1_234_567)).toBe('1,234,567');
  });

  it('compare with what was before, if anything was', () => {
    expect(change(150, 100)).toBe(0.5);
    expect(change(5, 0)).toBeNull();
    expect(percent(0.123)).toBe('12.3%');
  });

  it.each([
    [0.4, '0.40 ms'],
    [840.4, '840 ms'],
    [1_240, '1.24 s'],
    [12_400, '12.4 s'],
    [125_000, '2 min 5 s'],
    [7_260_000, '2 h 1 min'],
  ])('%d ms are %s', (ms, shown) => {
    expect(duration(ms)).toBe(shown);
  });
});
