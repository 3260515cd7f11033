/** The API's refusals at the fields of a form. */

import { Problem, sentence } from '@/api/problem';

/** What the API said about a field, without the field's own name: that stands above it. */
export function fieldWords(problem: Problem): string {
  const prefix = `\`${problem.param ?? ''}\`: `;
  const { message } = problem;
  return message.startsWith(prefix) ? sentence(message.slice(prefix.length)) : message;
}

/**
 * Errors by field of the form; null where the refusal is about no field of it. `fields`: the form's name for the
 * API's; lists keep their places (`budgets.2.budget_usd` looks up `budgets.budget_usd` and puts the 2 back).
 */
export function fieldErrors(
  error: unknown,
  fields: Readonly<Record<string, string>>,
): Record<string, string> | null {
  if (!(error instanceof Problem) || error.param === null) return null;
  const parts = error.param.split('.');
  const places = parts.filter((part) => /^\d+$/.test(part));
  const name = parts.filter((part) => !/^\d+$/.test(part)).join('.');
  const field = fields[name];
  if (field === undefined) return null;
  const path = field.replace(/\*/g, () => places.shift() ?? '0');
  return { [path]: fieldWords(error) };
}
