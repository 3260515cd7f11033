import { describe, expect, it } from 'vitest';
import { type Answer, applied, bodyOf, newBudget, type Proposal, problemsOf, seriesOf } from './proposal';

const NOW = new Date('2026-05-31T12:00:00Z');
const tried = (fields: Partial<Proposal>): Proposal => ({
  budgets: [newBudget()],
  models: [],
  days: '7',
  ...fields,
});

describe('a proposal', () => {
  it('is the API’s question', () => {
    const proposal = tried({
      budgets: [newBudget('$1,000', 'never'), newBudget('5', 'daily')],
      models: ['gpt-*'],
    });
    expect(bodyOf(proposal, { kind: 'key', id: 'k1' }, NOW)).toEqual({
      scope: { kind: 'key', id: 'k1' },
      budgets: [
        { budget_usd: '1000', reset: null },
        { budget_usd: '5', reset: 'daily' },
      ],
      allowed_models: ['gpt-*'],
      from: '2026-05-24T12:00:00.000Z',
      to: '2026-05-31T12:00:00.000Z',
    });
    expect(bodyOf(tried({ models: ['a'] }), { kind: 'customer' }, NOW)).toMatchObject({
      scope: { kind: 'customer' },
      budgets: [],
    });
  });

  it('must propose something, and amounts that the API takes', () => {
    expect(Object.keys(problemsOf(tried({})))).toEqual(['budgets.0.budget_usd']);
    expect(problemsOf(tried({ models: ['gpt-4o'] }))).toEqual({});
    expect(Object.keys(problemsOf(tried({ budgets: [newBudget('x')] })))).toEqual(['budgets.0.budget_usd']);
  });

  it('goes into a key’s form as far as that has fields for it', () => {
    expect(applied(tried({ budgets: [newBudget('5', 'daily'), newBudget('9')] }))).toEqual({
      budget_usd: '5',
      budget_reset: 'daily',
    });
    expect(applied(tried({ models: ['gpt-4o'] }))).toEqual({ allowed_models: ['gpt-4o'] });
  });
});

it('an answer is a chart of the calls by day', () => {
  const answer = { days: [{ day: '2026-05-30', calls: 10, refused: 3 }] } as Answer;
  expect(seriesOf(answer)).toMatchObject({
    times: ['2026-05-30T00:00:00Z'],
    lines: [{ points: [7] }, { points: [3] }],
  });
});
