/** Keys as the server has them. */

import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query';
import { api, type Schemas, take } from '@/api/client';
import { LONG_LIST } from '@/api/queries';
import type { Days, Query } from './search';

export type KeyPage = Schemas['KeyPage'];
export type Details = Schemas['KeyDetailsAnswer'];
export type Totals = Schemas['KeyTotals'];

const PAGE = 200;
const CALLS = 50;
const REFRESH_MS = 15_000;
const SLOW_MS = 5 * 60_000;
const DAY_MS = 86_400_000;
const MONTH_DAYS = 31;

export function keysQuery(query: Query) {
  return infiniteQueryOptions({
    queryKey: ['keys', 'list', query],
    queryFn: ({ pageParam, signal }) => {
      const cursor = pageParam === null ? {} : { cursor: pageParam };
      return take(
        api.GET('/v1/ai/keys/customer', { params: { query: { ...query, ...cursor, limit: PAGE } }, signal }),
      );
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    ...LONG_LIST,
    placeholderData: keepPreviousData,
  });
}

export function totalsQuery({ sort: _sort, ...query }: Query) {
  return queryOptions({
    queryKey: ['keys', 'totals', query],
    queryFn: ({ signal }) => take(api.GET('/v1/ai/keys/totals', { params: { query }, signal })),
    placeholderData: keepPreviousData,
  });
}

/** A member's own keys and those of the member's teams. */
export const ownKeysQuery = queryOptions({
  queryKey: ['keys', 'own'],
  queryFn: async ({ signal }) => (await take(api.GET('/v1/ai/keys/user', { signal }))).keys,
});

export function detailsQuery(hash: string) {
  return queryOptions({
    queryKey: ['keys', 'details', hash],
    queryFn: ({ signal }) =>
      take(api.GET('/v1/ai/keys/{key_hash}/details', { params: { path: { key_hash: hash } }, signal })),
    refetchInterval: REFRESH_MS,
  });
}

/** The key's calls, newest first. While only the newest are looked at, they are asked for again and again. */
export function callsQuery(hash: string) {
  return infiniteQueryOptions({
    queryKey: ['keys', 'calls', hash],
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: CALLS, ...(pageParam === null ? {} : { cursor: pageParam }) };
      const params = { path: { key_hash: hash }, query };
      return take(api.GET('/v1/ai/keys/{key_hash}/calls', { params, signal }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: ({ state }) => ((state.data?.pages.length ?? 0) > 1 ? false : REFRESH_MS),
  });
}

/** What the key cost by the day, a month further back than is shown, so that the sums of months are whole. The days are
 *  UTC's, as the book's are. */
export function spendQuery(keyId: string, days: Days) {
  return queryOptions({
    queryKey: ['keys', 'spend', keyId, days],
    queryFn: ({ signal }) => {
      const since = new Date(Date.now() - (days + MONTH_DAYS) * DAY_MS).toISOString();
      const query = { measure: 'cost' as const, step: 'day' as const, key: [keyId], since };
      return take(api.GET('/v1/reports/series', { params: { query }, signal }));
    },
    placeholderData: keepPreviousData,
  });
}

export const teamsQuery = queryOptions({
  queryKey: ['teams'],
  queryFn: async ({ signal }) => (await take(api.GET('/v1/teams', { signal }))).teams,
  staleTime: SLOW_MS,
});

/** The first people whose name or address has the text in it. */
export function peopleQuery(search: string) {
  return queryOptions({
    queryKey: ['users', 'picked', search],
    queryFn: async ({ signal }) =>
      (await take(api.GET('/v1/users', { params: { query: { search, limit: 50 } }, signal }))).users,
    placeholderData: keepPreviousData,
    staleTime: SLOW_MS,
  });
}

export function personQuery(id: string) {
  return queryOptions({
    queryKey: ['users', 'one', id],
    queryFn: async ({ signal }) =>
      (await take(api.GET('/v1/users/{user_id}', { params: { path: { user_id: id } }, signal }))).user,
    staleTime: SLOW_MS,
  });
}

/** What keys that members make may be. */
export const memberRulesQuery = queryOptions({
  queryKey: ['customer', 'member-keys'],
  queryFn: async ({ signal }) =>
    (await take(api.GET('/v1/customers/me', { signal }))).customer.settings.member_keys,
  staleTime: SLOW_MS,
});
