/** The book, for those who look after it. */

import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api, type Schemas, take } from '@/api/client';

export type Doubtful = Schemas['InDoubtOut'];
export type Adjustment = Schemas['AdjustmentOut'];

const PAGE = 100;

export const ledgerAuditQuery = queryOptions({
  queryKey: ['settings', 'ledger', 'audit'],
  queryFn: ({ signal }) => take(api.GET('/v1/ledger/audit', { signal })),
});

export const inDoubtQuery = infiniteQueryOptions({
  queryKey: ['settings', 'ledger', 'in-doubt'],
  queryFn: ({ signal, pageParam }) =>
    take(api.GET('/v1/ledger/in-doubt', { params: { query: { limit: PAGE, cursor: pageParam } }, signal })),
  initialPageParam: null as string | null,
  getNextPageParam: (page) => page.next_cursor,
});

export const adjustmentsQuery = infiniteQueryOptions({
  queryKey: ['settings', 'ledger', 'adjustments'],
  queryFn: ({ signal, pageParam }) =>
    take(
      api.GET('/v1/ledger/adjustments', { params: { query: { limit: PAGE, cursor: pageParam } }, signal }),
    ),
  initialPageParam: null as string | null,
  getNextPageParam: (page) => page.next_cursor,
});
