/** What the pages of traces ask the API. */

import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query';
import { api, take } from '@/api/client';
import { LONG_LIST } from '@/api/queries';
import type { Period } from '@/ui/timeRange';
import { asked, type Dimension, type Filters } from './filters';
import type { Trace } from './live';

export const PAGE = 50;
const MOST_CHOICES = 200;
const POLL_MS = 4_000;
/** A trace may be told late: polls look back this far from the newest one. */
const LOOK_BACK_MS = 15 * 60_000;
const KEPT_MS = 5 * 60_000;

/** Pages from the newest back. Not asked anew by itself: rows would move. */
export function tracesQuery(filters: Filters, period: Period) {
  return infiniteQueryOptions({
    queryKey: ['traces', 'search', filters, period.since, period.until],
    queryFn: ({ pageParam, signal }) =>
      take(
        api.GET('/v1/traces/search', {
          params: { query: { ...asked(filters), ...open(period), limit: PAGE, cursor: pageParam } },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    ...LONG_LIST,
    placeholderData: keepPreviousData,
    staleTime: KEPT_MS,
    refetchOnWindowFocus: false,
  });
}

export function newerQuery(filters: Filters, period: Period, newest: Trace | undefined) {
  const since = newest === undefined ? period.since : later(period.since, newest.started_at);
  return queryOptions({
    queryKey: ['traces', 'newer', filters, period.since, period.until],
    queryFn: ({ signal }) =>
      take(
        api.GET('/v1/traces/search', {
          params: { query: { ...asked(filters), since, limit: PAGE } },
          signal,
        }),
      ),
    refetchInterval: POLL_MS,
    staleTime: 0,
    gcTime: 0,
  });
}

function later(since: string, newest: string): string {
  const from = new Date(newest).getTime() - LOOK_BACK_MS;
  return from > new Date(since).getTime() ? new Date(from).toISOString() : since;
}

/** Whether there is any trace at all, of any time that is kept. */
export const anyTraceQuery = queryOptions({
  queryKey: ['traces', 'any'],
  queryFn: ({ signal }) =>
    take(
      api.GET('/v1/traces/search', {
        params: { query: { since: new Date(Date.now() - 400 * 86_400_000).toISOString(), limit: 1 } },
        signal,
      }),
    ),
});

/** The values of a dimension that calls of this time had, those of most calls first. */
export function choicesQuery(dimension: Dimension, period: Period) {
  return queryOptions({
    queryKey: ['traces', 'choices', dimension, period.since, period.until],
    queryFn: ({ signal }) =>
      take(
        api.GET('/v1/reports/top/{dimension}', {
          params: {
            path: { dimension },
            query: { ...times(period), measure: 'calls', most: MOST_CHOICES },
          },
          signal,
        }),
      ),
    staleTime: KEPT_MS,
  });
}

export function traceQuery(traceId: string) {
  return queryOptions({
    queryKey: ['trace', traceId],
    queryFn: ({ signal }) =>
      take(
        api.GET('/v1/traces/{trace_id}', {
          params: { path: { trace_id: traceId }, query: { attributes: 'few' } },
          signal,
        }),
      ),
  });
}

export function spanQuery(traceId: string, spanId: string, source: 'proxy' | 'otlp') {
  return queryOptions({
    queryKey: ['trace', traceId, spanId, source],
    queryFn: ({ signal }) =>
      take(
        api.GET('/v1/traces/{trace_id}/spans/{span_id}', {
          params: { path: { trace_id: traceId, span_id: spanId }, query: { source } },
          signal,
        }),
      ),
    staleTime: KEPT_MS,
  });
}

/** What ends now has no end: what comes meanwhile belongs to it. */
function open({ since, until, live }: Period) {
  return live ? { since } : { since, until };
}

function times({ since, until }: Period) {
  return { since, until };
}
