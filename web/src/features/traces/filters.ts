/** What traces are searched for, as it stands in the address, as the API is asked, and as chips. Pure.
 *
 *  Values of one dimension are alternatives; everything else narrows. The empty value is for spans that have none. */

export const DIMENSIONS = ['model', 'provider', 'vendor', 'tool', 'user', 'team', 'key', 'source'] as const;
export type Dimension = (typeof DIMENSIONS)[number];
export const STATUSES = ['ok', 'error', 'unset'] as const;
export type Status = (typeof STATUSES)[number];

export type Filters = { [D in Dimension]?: string[] | undefined } & {
  text?: string | undefined;
  status?: Status | undefined;
  /** Milliseconds. */
  min_ms?: number | undefined;
  max_ms?: number | undefined;
  /** Decimal texts of dollars. */
  min_usd?: string | undefined;
  max_usd?: string | undefined;
};

export const DIMENSION_NAMES: Record<Dimension, string> = {
  model: 'Model',
  provider: 'Provider',
  vendor: 'Vendor',
  tool: 'Tool',
  user: 'User',
  team: 'Team',
  key: 'Key',
  source: 'Source',
};
export const STATUS_NAMES: Record<Status, string> = { ok: 'OK', error: 'Error', unset: 'Unset' };
export const SOURCE_NAMES: Record<string, string> = {
  proxy: 'Through Tollhouse',
  otlp: 'Sent by others',
};

/** The API's own bounds. */
const MOST_VALUES = 50;
const LONGEST_VALUE = 200;
const LONGEST_MS = 10 ** 9;
const LEAST_TEXT = 2;
const USD = /^\d{1,6}(\.\d{1,9})?$/;

/** The part of an address that is a filter; whatever the API would refuse is left out. */
export function filtersOf(given: Record<string, unknown>): Filters {
  const found: Filters = {};
  for (const dimension of DIMENSIONS) {
    const values = valuesOf(given[dimension]);
    if (values.length > 0) found[dimension] = values;
  }
  const text = textOf(given.text)?.trim();
  if (text !== undefined && text.length >= LEAST_TEXT) found.text = text.slice(0, LONGEST_VALUE);
  const status = STATUSES.find((known) => known === given.status);
  if (status !== undefined) found.status = status;
  for (const name of ['min_ms', 'max_ms'] as const) {
    const value = milliseconds(given[name]);
    if (value !== undefined) found[name] = value;
  }
  for (const name of ['min_usd', 'max_usd'] as const) {
    const value = dollars(given[name]);
    if (value !== undefined) found[name] = value;
  }
  return found;
}

function valuesOf(given: unknown): string[] {
  const listed = Array.isArray(given) ? given : given === undefined || given === null ? [] : [given];
  const texts = listed.map(textOf).filter((value) => value !== undefined);
  return [...new Set(texts.filter((value) => value.length <= LONGEST_VALUE))].slice(0, MOST_VALUES);
}

/** Addresses may have been typed: `model=4` is read as a number. */
function textOf(given: unknown): string | undefined {
  if (typeof given === 'string') return given.includes('\0') ? undefined : given;
  return typeof given === 'number' || typeof given === 'boolean' ? String(given) : undefined;
}

function milliseconds(given: unknown): number | undefined {
  const value =
    typeof given === 'number' || (typeof given === 'string' && given !== '') ? Number(given) : Number.NaN;
  return Number.isFinite(value) && value >= 0 && value <= LONGEST_MS ? value : undefined;
}

export function dollars(given: unknown): string | undefined {
  const value = textOf(given)?.trim().replace(/^\$/, '');
  return value !== undefined && USD.test(value) ? value : undefined;
}

/** The query of search and export. */
export function asked(filters: Filters) {
  const { min_ms, max_ms, min_usd, max_usd, text, status } = filters;
  const query: Record<string, string | number | string[]> = {};
  for (const dimension of DIMENSIONS) {
    const values = filters[dimension];
    if (values !== undefined) query[dimension] = values;
  }
  if (text !== undefined) query.text = text;
  if (status !== undefined) query.status = status;
  if (min_ms !== undefined) query.min_duration_ms = min_ms;
  if (max_ms !== undefined) query.max_duration_ms = max_ms;
  if (min_usd !== undefined) query.min_cost_usd = min_usd;
  if (max_usd !== undefined) query.max_cost_usd = max_usd;
  return query;
}

/** Where the file of all spans that match is. */
export function exportAddress(
  filters: Filters,
  period: { since: string; until: string },
  format: 'csv' | 'ndjson',
): string {
  const query = new URLSearchParams({ format, since: period.since, until: period.until });
  for (const [name, value] of Object.entries(asked(filters))) {
    for (const each of Array.isArray(value) ? value : [String(value)]) query.append(name, each);
  }
  return `/v1/traces/export?${query}`;
}

/** All filters gone, whatever the address held of them. */
export const NO_FILTERS: Filters = Object.fromEntries(
  [...DIMENSIONS, 'text', 'status', 'min_ms', 'max_ms', 'min_usd', 'max_usd'].map((name) => [
    name,
    undefined,
  ]),
);

export function isFiltered(filters: Filters): boolean {
  return Object.keys(asked(filters)).length > 0;
}
