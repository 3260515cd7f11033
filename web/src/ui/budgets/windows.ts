/** Budgets as a form has them, and as the API takes them. Pure. */

import { LIMIT, problemWithUsd, typedUsd, usdField } from '../decimals';
import type { Limit, WindowBody } from './api';

export type ResetChoice = 'daily' | 'weekly' | 'monthly' | 'never';

export type WindowForm = {
  /** Of the row in the form only. */
  key: string;
  budget: string;
  reset: ResetChoice;
  models: string;
  thresholds: string[];
};

export const RESETS: readonly { value: ResetChoice; label: string }[] = [
  { value: 'daily', label: 'Every day' },
  { value: 'weekly', label: 'Every week' },
  { value: 'monthly', label: 'Every month' },
  { value: 'never', label: 'Never' },
];

export const MOST_WINDOWS = 20;
const MOST_THRESHOLDS = 10;
const USUAL_THRESHOLDS = ['50', '80', '95'];
const PATTERN = /^(?:[A-Za-z0-9._:/@+-]{1,200}|[A-Za-z0-9._:/@+-]{0,199}\*)$/;

let made = 0;
function newKey(): string {
  made += 1;
  return `window-${made}`;
}

export function newWindow(): WindowForm {
  return { key: newKey(), budget: '', reset: 'monthly', models: '', thresholds: USUAL_THRESHOLDS };
}

/** Those that may be changed here: a key's own budget is changed with the key. */
export function formOf(limits: readonly Limit[]): WindowForm[] {
  return limits
    .filter((limit) => !limit.main)
    .map((limit) => ({
      key: newKey(),
      budget: usdField(limit.limit_usd),
      reset: limit.reset ?? 'never',
      models: limit.models ?? '',
      thresholds: limit.thresholds.map(String),
    }));
}

export function bodyOf(windows: readonly WindowForm[]): WindowBody[] {
  return windows.map((window) => ({
    budget_usd: typedUsd(window.budget),
    reset: window.reset === 'never' ? null : window.reset,
    models: window.models.trim() === '' ? null : window.models.trim(),
    thresholds: [...new Set(window.thresholds.map(Number))].sort((a, b) => a - b),
  }));
}

/** What is wrong, by the form's paths (`windows.0.budget`); the same rules as the API's. */
export function problemsOf(windows: readonly WindowForm[]): Record<string, string> {
  const found: Record<string, string> = {};
  const seen = new Set<string>();
  windows.forEach((window, at) => {
    const amount = problemWithUsd(window.budget, LIMIT);
    if (amount !== null) found[`windows.${at}.budget`] = amount;
    const models = window.models.trim();
    if (models !== '' && !PATTERN.test(models))
      found[`windows.${at}.models`] = 'A model as provider/model, or the beginning of one and *';
    const thresholds = thresholdProblem(window.thresholds);
    if (thresholds !== null) found[`windows.${at}.thresholds`] = thresholds;
    const same = `${window.reset} ${models === '*' ? '' : models.toLowerCase()}`;
    if (seen.has(same)) found[`windows.${at}.reset`] = 'Another budget has this reset and these models';
    seen.add(same);
  });
  return found;
}

function thresholdProblem(thresholds: readonly string[]): string | null {
  if (thresholds.length > MOST_THRESHOLDS) return `At most ${MOST_THRESHOLDS}`;
  const wrong = thresholds.some((text) => !/^\d{1,3}$/.test(text) || Number(text) < 1 || Number(text) > 100);
  return wrong ? 'Whole per cents from 1 to 100' : null;
}

/** In words: `a month`; without a reset the budget lasts for ever. */
export function everyWords(reset: Limit['reset']): string {
  return { daily: 'a day', weekly: 'a week', monthly: 'a month', never: 'in all' }[reset ?? 'never'];
}
