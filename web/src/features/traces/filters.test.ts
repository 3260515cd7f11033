import { describe, expect, it } from 'vitest';
import { chipsOf, plainName } from './chips';
import { asked, exportAddress, filtersOf, isFiltered, NO_FILTERS } from './filters';
import { traceSearch, tracesSearch } from './search';
import { ruleOf } from './values';

const XSS = '<img src=x onerror=alert(1)>';

describe('filters in the address', () => {
  it('are read as they were written', () => {
    const given = {
      model: ['gpt-4o', XSS],
      status: 'error',
      text: ' timeout ',
      min_ms: 250,
      max_usd: '0.05',
      live: true,
      range: '24h',
    };
    expect(tracesSearch(given)).toEqual({ ...given, text: 'timeout' });
    expect(tracesSearch(tracesSearch(given))).toEqual({ ...given, text: 'timeout' });
  });

  it('may have been typed by hand', () => {
    expect(filtersOf({ model: 'gpt-4o', key: 4, min_ms: '90', min_usd: 0.5 })).toEqual({
      model: ['gpt-4o'],
      key: ['4'],
      min_ms: 90,
      min_usd: '0.5',
    });
  });

  it('are left out where the API would refuse them', () => {
    const wrong = {
      text: 'a',
      status: 'bad',
      min_ms: -1,
      max_ms: 'x',
      min_usd: '-1',
      max_usd: '1e3',
      model: [{}],
    };
    expect(filtersOf({ ...wrong, tool: ['a'.repeat(201), '\0'], nonsense: 1 })).toEqual({});
    expect(filtersOf({ user: Array.from({ length: 99 }, (_, n) => `u${n}`) }).user).toHaveLength(50);
  });

  it('keep the empty value, which is for spans that have none', () => {
    expect(filtersOf({ key: [''] })).toEqual({ key: [''] });
    expect(plainName('key', '')).toBe('none');
  });

  it('are asked in the API’s words', () => {
    const filters = filtersOf({ model: ['a', 'b'], min_ms: 5, max_usd: '1' });
    expect(asked(filters)).toEqual({ model: ['a', 'b'], min_duration_ms: 5, max_cost_usd: '1' });
    const times = { since: '2026-11-01T00:00:00Z', until: '2026-11-02T00:00:00Z' };
    expect(exportAddress(filters, times, 'csv')).toBe(
      '/v1/traces/export?format=csv&since=2026-11-01T00%3A00%3A00Z&until=2026-11-02T00%3A00%3A00Z' +
        '&model=a&model=b&min_duration_ms=5&max_cost_usd=1',
    );
  });

  it('are gone when they are cleared', () => {
    expect(isFiltered({ model: ['a'] })).toBe(true);
    expect(isFiltered({ model: ['a'], ...NO_FILTERS })).toBe(false);
  });
});

describe('chips', () => {
  it('say what holds and what goes with them', () => {
    const filters = filtersOf({
      status: 'error',
      model: ['a', 'b', 'c'],
      min_ms: 1500,
      min_usd: '0.01',
      max_usd: '1',
    });
    expect(chipsOf(filters, plainName).map(({ label, value }) => `${label}: ${value}`)).toEqual([
      'Status: Error',
      'Model: a, b +1',
      'Duration: at least 1.50 s',
      'Cost: $0.01 to $1.00',
    ]);
    expect(chipsOf(filters, plainName)[3]?.without).toEqual({ min_usd: undefined, max_usd: undefined });
  });

  it('shorten ids of what has no name', () => {
    expect(plainName('user', '12fe4c7e-88da-4c51')).toBe('12fe4c7e…');
    expect(plainName('source', 'proxy')).toBe('Through Tollhouse');
  });
});

describe('values to choose from', () => {
  it('are called by what they are', () => {
    const { nameOf } = ruleOf('model');
    expect([nameOf('', null), nameOf('gpt-4o', null)]).toEqual(['No model', 'gpt-4o']);
    expect(ruleOf('user').nameOf('u1', 'Ann')).toBe('Ann');
    expect(ruleOf('source').fixed).toEqual(['proxy', 'otlp']);
  });

  it('may be typed where they are names', () => {
    expect([ruleOf('model').free, ruleOf('user').free]).toEqual([true, false]);
  });
});

describe('the address of a trace', () => {
  it('takes ids and nothing else', () => {
    expect(traceSearch({ span: '00f067aa0ba902b7', view: 'content', receipt: '01HZX3V8K2' })).toEqual({
      span: '00f067aa0ba902b7',
      view: 'content',
      receipt: '01HZX3V8K2',
    });
    expect(traceSearch({ span: XSS, view: 'x', receipt: XSS })).toEqual({});
  });
});
