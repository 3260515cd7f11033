/** Steps of time as texts. Hours are local; days, weeks and months are those of UTC, as the sums are. */

import type { Step } from './series';

const HOUR = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const LOCAL_DAY = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'short' });
const DAY = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', timeZone: 'UTC' });
const WHOLE_DAY = new Intl.DateTimeFormat(undefined, {
  weekday: 'short',
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  timeZone: 'UTC',
});
const MONTH = new Intl.DateTimeFormat(undefined, { month: 'short', year: 'numeric', timeZone: 'UTC' });
const HOUR_MS = 3_600_000;

export const STEP_NAMES: Record<Step, string> = { hour: 'hour', day: 'day', week: 'week', month: 'month' };

/** On an axis; at midnight an hour is its day. */
export function tick(at: string, step: Step): string {
  const moment = new Date(at);
  if (step === 'month') return MONTH.format(moment);
  if (step !== 'hour') return DAY.format(moment);
  return moment.getHours() === 0 ? LOCAL_DAY.format(moment) : HOUR.format(moment);
}

/** Whole: `Mon, May 4, 10:00 – 11:00`, `Week of Mon, May 4, 2026 (UTC)`. */
export function whole(at: string, step: Step): string {
  const moment = new Date(at);
  if (step === 'month') return `${MONTH.format(moment)} (UTC)`;
  if (step === 'week') return `Week of ${WHOLE_DAY.format(moment)} (UTC)`;
  if (step === 'day') return `${WHOLE_DAY.format(moment)} (UTC)`;
  const end = new Date(moment.getTime() + HOUR_MS);
  return `${LOCAL_DAY.format(moment)}, ${HOUR.format(moment)} – ${HOUR.format(end)}`;
}
