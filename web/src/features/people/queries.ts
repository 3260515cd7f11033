/** People, teams and invitations as the server has them. */

import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, type Schemas, take } from '@/api/client';
import { LONG_LIST } from '@/api/queries';
import type { PeopleSearch } from './search';

export type User = Schemas['ListedUserOut'];
export type Team = Schemas['TeamOut'];
export type Member = Schemas['MemberOut'];
export type Invitation = Schemas['InvitationOut'];

const PAGE = 200;
const MOST_SPENDERS = 500;
const SPEND_DAYS = 30;

export type UserFilters = Pick<PeopleSearch, 'q' | 'role' | 'state' | 'in_team'>;

export function usersQuery(filters: UserFilters) {
  const query = {
    limit: PAGE,
    ...(filters.q === undefined ? {} : { search: filters.q }),
    ...(filters.role === undefined ? {} : { role: filters.role }),
    ...(filters.state === undefined ? {} : { disabled: filters.state === 'disabled' }),
    ...(filters.in_team === undefined ? {} : { team_id: filters.in_team }),
  };
  return infiniteQueryOptions({
    queryKey: ['people', 'users', query],
    queryFn: ({ signal, pageParam }) =>
      take(api.GET('/v1/users', { params: { query: { ...query, cursor: pageParam } }, signal })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    ...LONG_LIST,
  });
}

/** Few, by the beginning of a name or an address: what a team's lead may ask. */
export function candidatesQuery(teamId: string, search: string) {
  return queryOptions({
    queryKey: ['people', 'candidates', teamId, search],
    queryFn: async ({ signal }) => {
      const params = { path: { team_id: teamId }, query: { search } };
      return (await take(api.GET('/v1/teams/{team_id}/candidates', { params, signal }))).people;
    },
  });
}

export function userQuery(id: string) {
  return queryOptions({
    queryKey: ['people', 'user', id],
    queryFn: async ({ signal }) =>
      (await take(api.GET('/v1/users/{user_id}', { params: { path: { user_id: id } }, signal }))).user,
  });
}

export const teamsQuery = queryOptions({
  queryKey: ['people', 'teams'],
  queryFn: async ({ signal }) => (await take(api.GET('/v1/teams', { signal }))).teams,
});

export const invitationsQuery = queryOptions({
  queryKey: ['people', 'invitations'],
  queryFn: async ({ signal }) => (await take(api.GET('/v1/invitations', { signal }))).invitations,
});

export type Spend = { by: ReadonlyMap<string, string>; complete: boolean };

/** What each cost in the last 30 days. Not `complete`: whoever is not among them may have spent something, too. */
export function spendQuery(dimension: 'user' | 'team') {
  return queryOptions({
    queryKey: ['people', 'spend', dimension],
    staleTime: 60_000,
    queryFn: async ({ signal }): Promise<Spend> => {
      const since = new Date(Date.now() - SPEND_DAYS * 86_400_000).toISOString();
      const params = { path: { dimension }, query: { measure: 'cost' as const, most: MOST_SPENDERS, since } };
      const { rows } = await take(api.GET('/v1/reports/top/{dimension}', { params, signal }));
      const by = new Map(
        rows.flatMap((row) => (row.value === null ? [] : [[row.value, row.cost_usd] as const])),
      );
      return { by, complete: rows.length < MOST_SPENDERS };
    },
  });
}

export function spent(spend: Spend | undefined, id: string): string | null {
  return spend?.by.get(id) ?? (spend?.complete ? '0' : null);
}

/** A change of people or teams: both lists may say something else now. */
export function useChange<Given, Made>(change: (given: Given) => Promise<Made>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    // Not waited for: what asked may be gone by the time the lists are new, and could not say that it is done.
    onSuccess: () => void client.invalidateQueries({ queryKey: ['people'] }),
  });
}

export function changeUser(id: string, body: Schemas['UserPatch']) {
  return take(api.PATCH('/v1/users/{user_id}', { params: { path: { user_id: id } }, body }));
}

export function putMember(teamId: string, userId: string, role: 'lead' | 'member') {
  const path = { team_id: teamId, user_id: userId };
  return take(api.PUT('/v1/teams/{team_id}/members/{user_id}', { params: { path }, body: { role } }));
}

export function removeMember(teamId: string, userId: string) {
  const path = { team_id: teamId, user_id: userId };
  return take(api.DELETE('/v1/teams/{team_id}/members/{user_id}', { params: { path } }));
}
