/** Budgets that need somebody: nearly spent, or spent before they reset if it goes on like this. Pure; a guess with its
 *  basis, nothing decides by it. Amounts become floats for shares and times only. */

import type { Schemas } from '@/api/client';

export type Limit = Schemas['LimitOut'];
export type Risk = { limit: Limit; share: number; runsOutAt: string | null };

export const NEARLY = 0.8;
/** So much of a period must be over before its rate means anything. */
const LEAST_ELAPSED = 0.1;
const DAY_MS = 86_400_000;

/** The most urgent first. */
export function atRisk(limits: readonly Limit[], now: Date): Risk[] {
  return limits
    .map((limit) => ({ limit, share: shareOf(limit), runsOutAt: runsOutAt(limit, now) }))
    .filter(({ share, runsOutAt }) => share >= NEARLY || runsOutAt !== null)
    .sort((one, other) => other.share - one.share);
}

/** How much of it is spent, held or in doubt. */
export function shareOf(limit: Limit): number {
  const most = Number(limit.effective_limit_usd);
  if (limit.effective_limit_usd === null) return 0;
  const used = Number(limit.spent_usd) + Number(limit.held_usd) + Number(limit.in_doubt_usd);
  return most > 0 ? used / most : 1;
}

/** When the money is gone at this period's rate; null: not before the reset, or nobody can tell. */
export function runsOutAt(limit: Limit, now: Date): string | null {
  const begun = begunAt(limit);
  if (begun === null || limit.resets_at === null || limit.effective_limit_usd === null) return null;
  const ends = new Date(limit.resets_at).getTime();
  const elapsed = now.getTime() - begun;
  const spent = Number(limit.spent_usd) + Number(limit.in_doubt_usd);
  if (spent <= 0 || elapsed < (ends - begun) * LEAST_ELAPSED) return null;
  const gone = begun + (elapsed * Number(limit.effective_limit_usd)) / spent;
  return gone > now.getTime() && gone < ends ? new Date(gone).toISOString() : null;
}

function begunAt({ reset, resets_at }: Limit): number | null {
  if (reset === null || resets_at === null) return null;
  const ends = new Date(resets_at);
  if (reset === 'daily') return ends.getTime() - DAY_MS;
  if (reset === 'weekly') return ends.getTime() - 7 * DAY_MS;
  return Date.UTC(ends.getUTCFullYear(), ends.getUTCMonth() - 1, 1);
}
