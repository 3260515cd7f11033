/** What is tried out on past calls, as a form has it and as the API takes it. Pure. */

import type { Schemas } from '@/api/client';
import type { Series } from '@/ui/charts/series';
import { LIMIT, problemWithUsd, typedUsd } from '@/ui/decimals';

export type Scope = { kind: 'key' | 'user' | 'team'; id: string } | { kind: 'customer' };
export type Reset = 'daily' | 'weekly' | 'monthly' | 'never';
export type Budget = { key: string; budget_usd: string; reset: Reset };
export type Proposal = { budgets: Budget[]; models: string[]; days: string };
export type Answer = Schemas['WhatIfAnswer'];

export const RANGES = [
  { value: '1', label: 'Last day' },
  { value: '7', label: '7 days' },
  { value: '30', label: '30 days' },
] as const;

const DAY_MS = 86_400_000;
export const MOST_BUDGETS = 20;

let made = 0;
export function newBudget(budget_usd = '', reset: Reset = 'monthly'): Budget {
  made += 1;
  return { key: `budget-${made}`, budget_usd, reset };
}

export function problemsOf({ budgets, models }: Proposal): Record<string, string> {
  const found: Record<string, string> = {};
  budgets.forEach((budget, at) => {
    if (budget.budget_usd.trim() === '') {
      // An empty line proposes nothing; at least something must be proposed.
      if (budgets.length > 1 || models.length === 0)
        found[`budgets.${at}.budget_usd`] = 'Say how much, or choose models instead';
      return;
    }
    const wrong = problemWithUsd(budget.budget_usd, LIMIT);
    if (wrong !== null) found[`budgets.${at}.budget_usd`] = wrong;
  });
  return found;
}

export function bodyOf(proposal: Proposal, scope: Scope, now: Date): Schemas['WhatIfIn'] {
  const from = new Date(now.getTime() - Number(proposal.days) * DAY_MS);
  return {
    scope: scope.kind === 'customer' ? { kind: 'customer' } : { kind: scope.kind, id: scope.id },
    budgets: proposal.budgets
      .filter((budget) => budget.budget_usd.trim() !== '')
      .map((budget) => ({
        budget_usd: typedUsd(budget.budget_usd),
        reset: budget.reset === 'never' ? null : budget.reset,
      })),
    allowed_models: proposal.models.length === 0 ? null : proposal.models,
    from: from.toISOString(),
    to: now.toISOString(),
  };
}

/** What of a proposal a key's own form can take. */
export function applied({ budgets, models }: Proposal) {
  const [first] = budgets;
  return {
    ...(first === undefined || first.budget_usd.trim() === ''
      ? {}
      : { budget_usd: typedUsd(first.budget_usd), budget_reset: first.reset }),
    ...(models.length === 0 ? {} : { allowed_models: models }),
  };
}

export type Applied = ReturnType<typeof applied>;

/** Calls by day: those that would have been let through, and those refused. */
export function seriesOf({ days }: Answer): Series {
  return {
    step: 'day',
    unit: 'calls',
    times: days.map((each) => `${each.day}T00:00:00Z`),
    lines: [
      {
        id: 'let through',
        name: 'Let through',
        points: days.map((each) => each.calls - each.refused),
        colour: 'var(--chart-1)',
      },
      {
        id: 'refused',
        name: 'Refused',
        points: days.map((each) => each.refused),
        colour: 'var(--mantine-color-red-6)',
      },
    ],
  };
}
