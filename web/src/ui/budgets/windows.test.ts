import { describe, expect, it } from 'vitest';
import type { Limit } from './api';
import { bodyOf, everyWords, formOf, newWindow, problemsOf } from './windows';

const LIMIT: Limit = {
  id: 7,
  scope: { kind: 'team', id: 't', name: 'Research', key_hash: null },
  main: false,
  reset: 'monthly',
  models: 'openai/*',
  limit_usd: '100.500000000',
  raise: null,
  effective_limit_usd: '100.500000000',
  spent_usd: '12.000000001',
  held_usd: '0',
  in_doubt_usd: '0',
  remaining_usd: '88.499999999',
  outstanding_usd: null,
  resets_at: '2026-12-01T00:00:00Z',
  thresholds: [50, 80],
  fired_percent: null,
};

describe('budgets as a form', () => {
  it('leaves a key’s own budget to the key', () => {
    expect(formOf([{ ...LIMIT, main: true }, LIMIT])).toHaveLength(1);
  });

  it('is the same body again when nothing was changed', () => {
    expect(bodyOf(formOf([LIMIT, { ...LIMIT, reset: null, models: null }]))).toEqual([
      { budget_usd: '100.50', reset: 'monthly', models: 'openai/*', thresholds: [50, 80] },
      { budget_usd: '100.50', reset: null, models: null, thresholds: [50, 80] },
    ]);
  });

  it('sorts thresholds and takes each once', () => {
    const window = { ...newWindow(), budget: '$1,000', thresholds: ['95', '50', '95'] };
    expect(bodyOf([window])[0]).toMatchObject({ budget_usd: '1000', thresholds: [50, 95] });
  });
});

describe('what is wrong with budgets', () => {
  it('refuses amounts that the API refuses', () => {
    const wrong = (budget: string) => problemsOf([{ ...newWindow(), budget }])['windows.0.budget'];
    expect(wrong('')).toContain('Type an amount');
    expect(wrong('9000000.01')).toBe('At most $9,000,000');
    expect(wrong('$9,000,000')).toBeUndefined();
  });

  it('refuses two with the same reset and models', () => {
    const one = { ...newWindow(), budget: '1', models: 'OpenAI/*' };
    const other = { ...newWindow(), budget: '2', models: 'openai/*' };
    expect(problemsOf([one, other])).toEqual({
      'windows.1.reset': 'Another budget has this reset and these models',
    });
    expect(problemsOf([one, { ...other, reset: 'daily' }])).toEqual({});
  });

  it('refuses models and thresholds that the API refuses', () => {
    const window = { ...newWindow(), budget: '1', models: 'gpt 4', thresholds: ['0'] };
    expect(Object.keys(problemsOf([window]))).toEqual(['windows.0.models', 'windows.0.thresholds']);
  });
});

describe('what is shown of a budget', () => {
  it('says how often it begins anew', () => {
    expect(everyWords('weekly')).toBe('a week');
    expect(everyWords(null)).toBe('in all');
  });
});
