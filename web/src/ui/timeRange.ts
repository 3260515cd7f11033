/** A time range as it stands in an address, and the moments that it means. Pure.
 *
 *  Presets that end now end at the next whole step, so that what is asked stays the same for a while and is found in
 *  the query cache. Days are UTC days: that is how the sums behind every report are kept. */

export const PRESETS = ['1h', '24h', '7d', '30d', 'month', 'last-month'] as const;
export type Preset = (typeof PRESETS)[number];

export const PRESET_NAMES: Record<Preset, string> = {
  '1h': 'Last hour',
  '24h': 'Last 24 hours',
  '7d': 'Last 7 days',
  '30d': 'Last 30 days',
  month: 'This month',
  'last-month': 'Last month',
};

/** What an address may hold: a preset, or a `since` and `until`. Days (`2026-05-04`) are whole, the last one included;
 *  moments (`2026-05-04T10:00:00Z`) are exact, the last one not included. */
export type RangeSearch = {
  range?: Preset | undefined;
  since?: string | undefined;
  until?: string | undefined;
};

/** `since <= t < until`, as the API takes them. `live`: it ends now, so that new calls fall into it. */
export type Period = { since: string; until: string; live: boolean };

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/;

/** The part of an address that is a time range; whatever is none is left out. */
export function rangeSearch(given: Record<string, unknown>): RangeSearch {
  const { since, until, range } = given;
  if (isTime(since) && isTime(until) && beginOf(since) < endOf(until)) return { since, until };
  return isPreset(range) ? { range } : {};
}

export function isPreset(value: unknown): value is Preset {
  return PRESETS.some((preset) => preset === value);
}

/** What the address means now; `usual` if it says nothing. */
export function periodOf(search: RangeSearch, now: Date, usual: Preset = '7d'): Period {
  if (search.since !== undefined && search.until !== undefined) {
    const until = endOf(search.until);
    return period(beginOf(search.since), until, until > now.getTime());
  }
  return ofPreset(search.range ?? usual, now);
}

function ofPreset(preset: Preset, now: Date): Period {
  const tomorrow = ceiling(now, DAY_MS);
  switch (preset) {
    case '1h':
      return lastly(ceiling(now, MINUTE_MS), HOUR_MS);
    case '24h':
      return lastly(ceiling(now, HOUR_MS), DAY_MS);
    case '7d':
      return lastly(tomorrow, 7 * DAY_MS);
    case '30d':
      return lastly(tomorrow, 30 * DAY_MS);
    case 'month':
      return period(monthBegan(now, 0), tomorrow, true);
    case 'last-month':
      return period(monthBegan(now, -1), monthBegan(now, 0), false);
  }
}

function lastly(until: number, length: number): Period {
  return period(until - length, until, true);
}

function period(since: number, until: number, live: boolean): Period {
  return { since: text(since), until: text(until), live };
}

function text(moment: number): string {
  return new Date(moment).toISOString().replace('.000Z', 'Z');
}

/** The end of the step that this moment is in, also for the very first moment of one. */
function ceiling(now: Date, step: number): number {
  return (Math.floor(now.getTime() / step) + 1) * step;
}

function monthBegan(now: Date, months: number): number {
  return Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + months, 1);
}

function isTime(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    (DAY.test(value) || MOMENT.test(value)) &&
    !Number.isNaN(new Date(value).getTime())
  );
}

function beginOf(since: string): number {
  return new Date(since).getTime();
}

function endOf(until: string): number {
  return new Date(until).getTime() + (DAY.test(until) ? DAY_MS : 0);
}

const SHOWN_DAY = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short', timeZone: 'UTC' });
const SHOWN_YEAR = new Intl.DateTimeFormat('en', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  timeZone: 'UTC',
});

/** `Last 7 days`, or `May 4 – May 10` for a range of its own. */
export function rangeName(search: RangeSearch, now: Date, usual: Preset = '7d'): string {
  if (search.since === undefined) return PRESET_NAMES[search.range ?? usual];
  return spanName(periodOf(search, now, usual), now);
}

/** The days of a period in UTC: `May 4 – May 10`; the year where it is not this one. */
export function spanName({ since, until }: { since: string; until: string }, now: Date): string {
  const last = new Date(new Date(until).getTime() - 1);
  const first = new Date(since);
  const format = first.getUTCFullYear() === now.getUTCFullYear() ? SHOWN_DAY : SHOWN_YEAR;
  const [from, to] = [format.format(first), format.format(last)];
  return from === to ? from : `${from} – ${to}`;
}
