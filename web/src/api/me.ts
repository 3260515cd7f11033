/** Who is signed in. Everything behind the sign-in page may take for granted that somebody is. */

import { queryOptions, useSuspenseQuery } from '@tanstack/react-query';
import { api, rememberCsrfToken, type Schemas, take } from './client';
import { Problem } from './problem';

export type Me = Schemas['Me'];
export type Role = 'admin' | 'manager' | 'member';

/** The last that was signed in: for what is still on the page in the moment when the session turns out to be over. */
let latest: Me | null = null;

async function askMe(signal?: AbortSignal): Promise<Me | null> {
  try {
    const me = await take(api.GET('/v1/me', signal === undefined ? {} : { signal }));
    rememberCsrfToken(me.csrf_token);
    latest = me;
    return me;
  } catch (error) {
    if (error instanceof Problem && error.status === 401) return null;
    throw error;
  }
}

/** null: nobody is signed in. */
export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: ({ signal }) => askMe(signal),
  staleTime: 60_000,
});

export function useMe(): Me {
  const { data } = useSuspenseQuery(meQuery);
  const me = data ?? latest;
  if (me === null) throw new Problem(401, 'You are signed out.');
  return me;
}

/** Admins and managers see the whole customer; members see what is theirs and their teams'. */
export function seesAll(me: Me): boolean {
  return me.user.role === 'admin' || me.user.role === 'manager';
}

export function isAdmin(me: Me): boolean {
  return me.user.role === 'admin';
}
