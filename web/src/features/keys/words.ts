/** Keys in words. Pure. */

import type { Key } from './form';

export const HASH_SHOWN = 16;
export const HASH_SHOWN_FEW = 12;

export function ownerOf(key: Key): { name: string; kind: 'person' | 'team' | 'nobody' } {
  if (key.team_id !== null) return { name: key.team_name ?? 'A team', kind: 'team' };
  if (key.owner !== null) return { name: key.owner.name || key.owner.email, kind: 'person' };
  return { name: 'Nobody', kind: 'nobody' };
}

export function resetWords(reset: Key['budget_reset']): string {
  return reset === null ? 'None' : { daily: 'Daily', weekly: 'Weekly', monthly: 'Monthly' }[reset];
}

/** Of when a sum is that begins anew with the budget. */
export function sinceWords(reset: Key['budget_reset']): string {
  if (reset === null) return 'since the key was made';
  return { daily: 'today, by UTC', weekly: 'this week', monthly: 'this month' }[reset];
}

/** Behind an amount: `$25.00/month`. */
export function perWords(reset: Key['budget_reset']): string {
  return reset === null ? '' : { daily: '/day', weekly: '/week', monthly: '/month' }[reset];
}

export function modelsWords(models: readonly string[]): string {
  const [first] = models;
  if (first === undefined) return 'All models';
  return models.length === 1 ? first : `${models.length} models`;
}

export const STATE_WORDS: Record<Key['state'], string> = {
  active: 'Active',
  disabled: 'Disabled',
  expired: 'Expired',
  exhausted: 'Out of budget',
};

/** What a state means for a call made with the key. */
export const STATE_MEANS: Record<Key['state'], string> = {
  active: 'Calls with this key are let through.',
  disabled: 'Calls with this key are refused with 403 key_disabled until somebody enables it.',
  expired: 'Calls with this key are refused with 403 key_expired. A later expiry makes it work again.',
  exhausted:
    'Calls with this key are refused with 402 budget_exhausted until the budget is raised or resets.',
};

export const POLICIES: readonly { value: Key['bound_policy']; label: string; means: string }[] = [
  {
    value: 'clamp_if_unset',
    label: 'Shorten if the caller set no maximum',
    means: 'A call that sets no maximum is shortened to what the budget still covers; others are refused.',
  },
  {
    value: 'clamp',
    label: 'Always shorten',
    means: 'Every call is shortened to what the budget still covers.',
  },
  {
    value: 'strict',
    label: 'Refuse',
    means: 'A call that could cost more than the budget still covers is refused.',
  },
];

export const RESETS = [
  { value: 'daily', label: 'Every day' },
  { value: 'weekly', label: 'Every week, on Monday' },
  { value: 'monthly', label: 'Every month, on the 1st' },
  { value: 'never', label: 'Never: it lasts for the key’s life' },
] as const;
