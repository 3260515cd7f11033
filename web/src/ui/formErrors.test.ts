import { describe, expect, it } from 'vitest';
import { Problem } from '@/api/problem';
import { fieldErrors, fieldWords } from './formErrors';

describe('refusals at fields', () => {
  it('leaves the name of the field out of the words', () => {
    const problem = new Problem(422, '`name`: must have 1 to 200 characters.', 'invalid_field', 'name');
    expect(fieldWords(problem)).toBe('Must have 1 to 200 characters.');
  });

  it('finds a field within a list', () => {
    const problem = new Problem(
      422,
      '`budgets.2.budget_usd`: must be an amount.',
      null,
      'budgets.2.budget_usd',
    );
    expect(fieldErrors(problem, { 'budgets.budget_usd': 'windows.*.budget' })).toEqual({
      'windows.2.budget': 'Must be an amount.',
    });
  });

  it('says so when the refusal is about no field', () => {
    expect(fieldErrors(new Problem(409, 'No.'), { name: 'name' })).toBeNull();
    expect(fieldErrors(new Problem(422, 'No.', null, 'other'), { name: 'name' })).toBeNull();
    expect(fieldErrors(new Error('x'), { name: 'name' })).toBeNull();
  });
});
