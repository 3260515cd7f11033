/** What the overview asks. Former answers stay in sight until the next ones are here. */

import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { api, take } from '@/api/client';
import type { Period } from '@/ui/timeRange';
import type { Limit } from './atRisk';
import type { Dimension, Filters, Measure, Rank } from './dimensions';

/** Of which calls, and of when. */
export type Asked = { filters: Filters; period: Period };

const REFRESH_MS = 30_000;
const LIMITS_REFRESH_MS = 60_000;
const LIMITS_AT_ONCE = 500;
export const MOST_LIMITS = 5_000;
const LINES = 7;
const ROWS = 8;
const CHOICES = 200;

/** Times and filters as the API has them. */
export function paramsOf({ filters, period }: Asked) {
  const { since, until } = period;
  const given = Object.entries(filters).filter(([, values]) => values !== undefined);
  return { ...(Object.fromEntries(given) as Partial<Record<Dimension, string[]>>), since, until };
}

/** Asks again by itself while the time goes on and somebody looks. */
function lively(asked: Asked) {
  return {
    placeholderData: keepPreviousData,
    refetchInterval: asked.period.live ? REFRESH_MS : false,
  } as const;
}

export function overviewQuery(asked: Asked) {
  const query = paramsOf(asked);
  return queryOptions({
    queryKey: ['reports', 'overview', query],
    queryFn: ({ signal }) => take(api.GET('/v1/reports/overview', { params: { query }, signal })),
    ...lively(asked),
  });
}

export function seriesQuery(asked: Asked, measure: Measure, by: Dimension | undefined) {
  const query = { ...paramsOf(asked), measure, most: LINES, ...(by === undefined ? {} : { by }) };
  return queryOptions({
    queryKey: ['reports', 'series', query],
    queryFn: ({ signal }) => take(api.GET('/v1/reports/series', { params: { query }, signal })),
    ...lively(asked),
  });
}

export function topQuery(asked: Asked, dimension: Dimension, measure: Rank) {
  const query = { ...paramsOf(asked), measure, most: ROWS };
  return queryOptions({
    queryKey: ['reports', 'top', dimension, query],
    queryFn: ({ signal }) =>
      take(api.GET('/v1/reports/top/{dimension}', { params: { path: { dimension }, query }, signal })),
    ...lively(asked),
  });
}

/** All values there are to choose from: what is chosen already narrows the other dimensions only. */
export function choicesQuery(asked: Asked, dimension: Dimension) {
  const { [dimension]: _, ...query } = { ...paramsOf(asked), measure: 'calls' as const, most: CHOICES };
  return queryOptions({
    queryKey: ['reports', 'choices', dimension, query],
    queryFn: ({ signal }) =>
      take(api.GET('/v1/reports/top/{dimension}', { params: { path: { dimension }, query }, signal })),
    placeholderData: keepPreviousData,
  });
}

export function latencyQuery(asked: Asked, by: Dimension) {
  const query = { ...paramsOf(asked), by, most: ROWS };
  return queryOptions({
    queryKey: ['reports', 'latency', query],
    queryFn: ({ signal }) => take(api.GET('/v1/reports/latency', { params: { query }, signal })),
    ...lively(asked),
  });
}

export function failuresQuery(asked: Asked) {
  const query = paramsOf(asked);
  return queryOptions({
    queryKey: ['reports', 'errors', query],
    queryFn: ({ signal }) => take(api.GET('/v1/reports/errors', { params: { query }, signal })),
    ...lively(asked),
  });
}

/** Budgets with their balances; the first `MOST_LIMITS` of them. */
export const limitsQuery = queryOptions({
  queryKey: ['limits', 'all'],
  queryFn: ({ signal }) => allLimits(signal),
  refetchInterval: LIMITS_REFRESH_MS,
});

async function allLimits(signal: AbortSignal): Promise<Limit[]> {
  const found: Limit[] = [];
  let cursor: string | null = null;
  do {
    const query: { limit: number; cursor?: string } = { limit: LIMITS_AT_ONCE };
    if (cursor !== null) query.cursor = cursor;
    const page = await take(api.GET('/v1/ai/limits', { params: { query }, signal }));
    found.push(...page.budgets);
    cursor = page.next_cursor;
  } while (cursor !== null && found.length < MOST_LIMITS);
  return found;
}
