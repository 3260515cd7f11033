/** A raise for a while: how long, as people say it. Pure. */

export type RaiseEnd = 'day' | 'week' | 'reset' | 'other';

const LONGEST_DAYS = 90;
const DAY_MS = 86_400_000;

/** What one may choose: the end of the period only where there is one. */
export function ends(resetsAt: string | null): { value: RaiseEnd; label: string }[] {
  return [
    { value: 'day', label: 'For 24 hours' },
    { value: 'week', label: 'For 7 days' },
    ...(resetsAt === null ? [] : [{ value: 'reset' as const, label: 'Until the budget resets' }]),
    { value: 'other', label: 'Until another time' },
  ];
}

/** The moment that was chosen, as the API takes it; null where it is not one. `typed`: of a datetime-local field. */
export function until(end: RaiseEnd, typed: string, resetsAt: string | null, now: Date): string | null {
  if (end === 'reset') return resetsAt;
  if (end === 'other') {
    const moment = new Date(typed);
    return Number.isNaN(moment.getTime()) ? null : moment.toISOString();
  }
  return new Date(now.getTime() + (end === 'day' ? DAY_MS : 7 * DAY_MS)).toISOString();
}

export function untilProblem(
  end: RaiseEnd,
  typed: string,
  resetsAt: string | null,
  now: Date,
): string | null {
  const chosen = until(end, typed, resetsAt, now);
  if (chosen === null) return 'Say until when';
  const ahead = new Date(chosen).getTime() - now.getTime();
  if (ahead <= 0) return 'Must be in the future';
  return ahead > LONGEST_DAYS * DAY_MS ? `At most ${LONGEST_DAYS} days ahead` : null;
}
