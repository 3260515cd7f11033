/** Limits on the keys that members make, as a form has them and as the API takes them. Pure. */

import type { Schemas } from '@/api/client';

export type MemberKeysForm = { budget: string; models: string[]; keys: number | string };

const AMOUNT = /^\d{1,10}(\.\d{1,4})?$/;
const PATTERN = /^(?:[A-Za-z0-9._:/@+-]{1,200}|[A-Za-z0-9._:/@+-]{0,199}\*)$/;
const MOST_USD = 999_999;
const MOST_KEYS = 1_000_000;

export function formOf(limits: Schemas['MemberKeysOut']): MemberKeysForm {
  return {
    budget: limits.max_budget_usd ?? '',
    models: limits.allowed_models,
    keys: limits.max_keys ?? '',
  };
}

export function bodyOf(form: MemberKeysForm): Schemas['MemberKeysIn'] {
  const budget = form.budget.trim().replace(/^\$/, '').replaceAll(',', '');
  return {
    max_budget_usd: budget === '' ? null : budget,
    allowed_models: form.models.length === 0 ? null : form.models,
    max_keys: form.keys === '' ? null : Number(form.keys),
  };
}

export function problemsOf(form: MemberKeysForm): Record<string, string> {
  const found: Record<string, string> = {};
  const budget = bodyOf(form).max_budget_usd;
  if (typeof budget === 'string' && (!AMOUNT.test(budget) || Number(budget) > MOST_USD))
    found.budget = 'Up to $999,999 with at most four decimals, or nothing';
  if (form.models.some((model) => !PATTERN.test(model)))
    found.models = 'A model, provider/model, or the beginning of one and *';
  const keys = Number(form.keys);
  if (form.keys !== '' && (!Number.isInteger(keys) || keys < 0 || keys > MOST_KEYS))
    found.keys = 'A whole number, or nothing';
  return found;
}
