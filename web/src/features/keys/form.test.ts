import { describe, expect, it } from 'vitest';
import { bodyOf, formOf, type Key, type KeyForm, NEW, patched, patchOf, problemsOf } from './form';

const NOW = new Date('2026-05-04T12:00:00Z');
const KEY: Key = {
  hash: 'a'.repeat(64),
  id: 'k1',
  name: 'CI',
  display: 'aig_1234…abcd',
  user_id: 'u1',
  team_id: null,
  owner: { email: 'admin@demo.tollhouse.example', name: 'Admin' },
  team_name: null,
  budget_usd: '25.0000',
  budget_reset: 'monthly',
  spend_usd: '1.0000',
  held_usd: '0.0000',
  remaining_usd: '24.0000',
  spend_reset_at: null,
  resets_at: null,
  allowed_models: ['openai/*'],
  max_output_tokens: null,
  bound_policy: 'clamp_if_unset',
  disabled: false,
  expires_at: null,
  requests_per_minute: 60,
  tokens_per_minute: null,
  concurrent_calls: null,
  tags: ['ci'],
  created_at: '2026-01-01T00:00:00Z',
  created_by_user_id: 'u1',
  last_used_at: null,
  state: 'active',
};
const filled = (fields: Partial<KeyForm>): KeyForm => ({ ...NEW, name: 'Mine', ...fields });
const problems = (fields: Partial<KeyForm>, rules: Parameters<typeof problemsOf>[1] = null) =>
  problemsOf(filled(fields), rules, NOW);

describe('a form as the API takes it', () => {
  it('has money as the text that was typed, cleaned', () => {
    expect(bodyOf(filled({ budget_usd: ' $1,200.50 ' }))).toMatchObject({
      budget_usd: '1200.50',
      budget_reset: 'monthly',
    });
  });

  it('has null where nothing is limited, and no reset without a budget', () => {
    expect(bodyOf(filled({}))).toEqual({
      name: 'Mine',
      budget_usd: null,
      budget_reset: null,
      allowed_models: [],
      tags: [],
      expires_at: null,
      requests_per_minute: null,
      tokens_per_minute: null,
      concurrent_calls: null,
      max_output_tokens: null,
      bound_policy: 'clamp_if_unset',
    });
  });

  it('tells the moment of expiry in UTC', () => {
    const typed = '2027-01-31T12:00';
    expect(bodyOf(filled({ expires_at: typed })).expires_at).toBe(new Date(typed).toISOString());
  });
});

describe('a change', () => {
  it('is empty when nothing was changed', () => {
    expect(patchOf(formOf(KEY), formOf(KEY))).toEqual({});
    const expiring = formOf({ ...KEY, expires_at: '2027-01-31T12:00:00Z' });
    expect(patchOf(expiring, expiring)).toEqual({});
  });

  it('names only what was changed', () => {
    const before = formOf(KEY);
    expect(patchOf(before, { ...before, budget_usd: '40', disabled: true })).toEqual({
      budget_usd: '40',
      disabled: true,
    });
    expect(patchOf(before, { ...before, budget_usd: '' })).toEqual({ budget_usd: null, budget_reset: null });
    expect(patchOf(before, { ...before, requests_per_minute: '' })).toEqual({ requests_per_minute: null });
  });

  it('is seen at once', () => {
    expect(patched(KEY, { disabled: true })).toMatchObject({ disabled: true, state: 'disabled' });
    expect(patched({ ...KEY, disabled: true, state: 'disabled' }, { disabled: false }).state).toBe('active');
    expect(patched(KEY, { name: 'Other' })).toMatchObject({ name: 'Other', state: 'active' });
  });
});

describe('what is wrong with a form', () => {
  it('is nothing when only a name is given', () => {
    expect(problems({})).toEqual({});
  });

  it.each([
    [{ name: '  ' }, 'name'],
    [{ name: 'x'.repeat(201) }, 'name'],
    [{ budget_usd: 'ten' }, 'budget_usd'],
    [{ budget_usd: '0.00001' }, 'budget_usd'],
    [{ budget_usd: '1000000' }, 'budget_usd'],
    [{ allowed_models: ['gpt 4'] }, 'allowed_models'],
    [{ tags: ['two words'] }, 'tags'],
    [{ tags: Array.from({ length: 21 }, (_, at) => `t${at}`) }, 'tags'],
    [{ expires_at: '2020-01-01T00:00' }, 'expires_at'],
    [{ requests_per_minute: 0 }, 'requests_per_minute'],
    [{ concurrent_calls: 100_001 }, 'concurrent_calls'],
    [{ max_output_tokens: 1.5 }, 'max_output_tokens'],
  ] as const)('%j: %s', (fields, field) => {
    expect(Object.keys(problems(fields as Partial<KeyForm>))).toEqual([field]);
  });

  it('is what members may not give themselves', () => {
    const rules = { max_budget_usd: '10.0000', allowed_models: ['openai/*'], max_keys: null };
    expect(problems({}, rules)).toEqual({
      budget_usd: 'Your organisation asks for a budget of at most $10',
      allowed_models: 'Choose among the models that your organisation allows',
    });
    expect(problems({ budget_usd: '11', allowed_models: ['anthropic/*'] }, rules)).toEqual({
      budget_usd: 'Your organisation allows at most $10',
      allowed_models: 'Your organisation does not allow anthropic/*',
    });
    expect(problems({ budget_usd: '10', allowed_models: ['openai/gpt-4o', 'openai/o*'] }, rules)).toEqual({});
  });
});
