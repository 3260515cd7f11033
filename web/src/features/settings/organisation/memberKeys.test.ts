import { describe, expect, it } from 'vitest';
import { bodyOf, formOf, problemsOf } from './memberKeys';

describe('limits on members’ keys', () => {
  it('says nothing as null, which is not limited', () => {
    const free = formOf({ max_budget_usd: null, allowed_models: [], max_keys: null });
    expect(bodyOf(free)).toEqual({ max_budget_usd: null, allowed_models: null, max_keys: null });
    expect(problemsOf(free)).toEqual({});
  });

  it('comes back as it was', () => {
    const set = { max_budget_usd: '10.0000', allowed_models: ['openai/*'], max_keys: 0 };
    expect(bodyOf(formOf(set))).toEqual(set);
  });

  it('refuses what the API refuses', () => {
    expect(problemsOf({ budget: '1.00001', models: ['a b'], keys: 1.5 })).toHaveProperty('budget');
    expect(Object.keys(problemsOf({ budget: '1.00001', models: ['a b'], keys: 1.5 }))).toEqual([
      'budget',
      'models',
      'keys',
    ]);
  });
});
