import { describe, expect, it } from 'vitest';
import { nameOf } from './dimensions';
import { overviewSearch, toggled } from './search';

describe('an address', () => {
  it('keeps what it knows and leaves the rest out', () => {
    const given = {
      range: '30d',
      measure: 'p95',
      by: 'team',
      shape: 'pie',
      rank: 'calls',
      who: 'model',
      x: 1,
    };
    expect(overviewSearch(given)).toEqual({ range: '30d', measure: 'p95', by: 'team', rank: 'calls' });
  });

  it('opens what may be tried out by its exact word only', () => {
    expect(overviewSearch({ what_if: true })).toEqual({ what_if: true });
    expect(overviewSearch({ what_if: 'yes' })).toEqual({});
  });

  it('has filters as lists, each value once', () => {
    expect(overviewSearch({ model: 'gpt-4o', tool: ['', 'a', 'a', {}], key: 12, team: [] })).toEqual({
      model: ['gpt-4o'],
      tool: ['', 'a'],
      key: ['12'],
    });
  });
});

describe('a value', () => {
  it('is chosen, and no longer chosen', () => {
    expect(toggled(undefined, 'a')).toEqual(['a']);
    expect(toggled(['a', ''], 'a')).toEqual(['']);
    expect(toggled(['a'], 'a')).toBeUndefined();
  });

  it.each([
    ['model', 'gpt-4o', null, 'gpt-4o'],
    ['model', null, null, 'No model'],
    ['tool', '', null, 'No tool'],
    ['source', 'proxy', null, 'Through Tollhouse'],
    ['key', '0123456789', 'Laptop', 'Laptop'],
    ['key', '0123456789', null, 'Deleted key 01234567'],
  ] as const)('of %s %s is called %s', (dimension, value, name, called) => {
    expect(nameOf(dimension, value, name)).toBe(called);
  });
});
