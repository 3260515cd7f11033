import { describe, expect, it } from 'vitest';
import {
  KEY_BUDGET,
  LIMIT,
  nanosOf,
  problemWithUsd,
  shareOf,
  sumUsd,
  typedUsd,
  usdField,
  usdOf,
} from './decimals';

describe('sums of dollars', () => {
  it('lose no digit', () => {
    expect(sumUsd(['0.1', '0.2'])).toBe('0.300000000');
    expect(sumUsd(['98765432109876.123456789', '0.000000001'])).toBe('98765432109876.123456790');
    expect(sumUsd([])).toBe('0.000000000');
  });

  it('go below zero and back', () => {
    expect(usdOf(nanosOf('-3.25'))).toBe('-3.250000000');
    expect(sumUsd(['-0.5', '0.5'])).toBe('0.000000000');
  });

  it.each([
    ['5', '10', 0.5],
    ['0', '10', 0],
    ['12', '10', 1.2],
    ['0', '0', 1],
  ])('%s of %s is a bar of %d', (part, whole, share) => {
    expect(shareOf(part, whole)).toBe(share);
  });
});

describe('amounts that people type', () => {
  it.each([
    [' $1,204.50 ', '1204.50'],
    ['.5', '0.5'],
    ['25.', '25'],
    ['1e3', '1e3'],
  ])('%s is sent as %s', (typed, sent) => {
    expect(typedUsd(typed)).toBe(sent);
  });

  it.each(['25', '10.50', '0', '999999.9999', '1,000', '10.50000'])('%s is taken', (typed) => {
    expect(problemWithUsd(typed, KEY_BUDGET)).toBeNull();
  });

  it.each([
    ['', 'Type an amount'],
    ['ten', 'Type an amount'],
    ['-5', 'Type an amount'],
    ['1e3', 'Type an amount'],
    ['1,00', 'Type an amount'],
    ['10,50', 'Type an amount'],
    ['0.00001', 'At most 4 decimals'],
    ['1000000', 'At most $999,999.9999'],
  ])('%s is refused: %s', (typed, why) => {
    expect(problemWithUsd(typed, KEY_BUDGET)).toContain(why);
  });

  it('may have nine decimals in a further budget, and must be more than nothing in a raise', () => {
    expect(problemWithUsd('0.000000001', LIMIT)).toBeNull();
    expect(problemWithUsd('0.0000000001', LIMIT)).toBe('At most 9 decimals');
    expect(problemWithUsd('0.0', { ...LIMIT, atLeast: 'more' })).toBe('More than $0');
  });

  it('stand in fields without idle zeros', () => {
    expect([usdField('25.0000'), usdField('10.5000'), usdField('0.0042'), usdField(null)]).toEqual([
      '25',
      '10.50',
      '0.0042',
      '',
    ]);
  });
});
