/** What there is already, asked again and again while somebody is waiting for it. */

import { queryOptions } from '@tanstack/react-query';
import { api, type Schemas, take } from '@/api/client';
import { type Me, seesAll } from '@/api/me';

export type Customer = Schemas['CustomerOut'];
export type FirstKey = Schemas['KeyOut'];
export type Trace = Schemas['TraceOut'];

const SOON_MS = 2_000;
const SOMETIME_MS = 5_000;

export const customerQuery = queryOptions({
  queryKey: ['onboarding', 'customer'],
  queryFn: async ({ signal }) => (await take(api.GET('/v1/customers/me', { signal }))).customer,
  refetchInterval: ({ state }) => (state.data?.gateway_state === 'pending' ? SOON_MS : false),
});

/** The key that was used last, or any; null: there is none that the person may see. */
export function keyQuery(me: Me) {
  return queryOptions({
    queryKey: ['onboarding', 'key', me.user.id],
    queryFn: async ({ signal }) => {
      const { keys } = seesAll(me)
        ? await take(
            api.GET('/v1/ai/keys/customer', { params: { query: { limit: 1, sort: 'last_used' } }, signal }),
          )
        : await take(api.GET('/v1/ai/keys/user', { signal }));
      return keys.find((key) => key.last_used_at !== null) ?? keys[0] ?? null;
    },
    refetchInterval: ({ state }) => (state.data === null ? SOMETIME_MS : false),
  });
}

/** The newest trace that the person may see. `live`: somebody is waiting for the first. */
export function callQuery(live: boolean) {
  return queryOptions({
    queryKey: ['onboarding', 'call'],
    queryFn: async ({ signal }) => {
      const page = await take(
        api.GET('/v1/traces/search', { params: { query: { limit: 1, source: ['proxy'] } }, signal }),
      );
      return page.traces[0] ?? null;
    },
    refetchInterval: ({ state }) => (live && state.data === null ? SOON_MS : false),
    staleTime: live ? 0 : 60_000,
  });
}

/** Whether anybody else is here, or asked to come. */
export function othersQuery(wanted: boolean) {
  return queryOptions({
    queryKey: ['onboarding', 'others'],
    queryFn: async ({ signal }) => {
      const { users } = await take(api.GET('/v1/users', { params: { query: { limit: 2 } }, signal }));
      if (users.length > 1) return true;
      return (await take(api.GET('/v1/invitations', { signal }))).invitations.length > 0;
    },
    enabled: wanted,
    staleTime: 0, // whoever comes back from inviting somebody sees the step done
  });
}
