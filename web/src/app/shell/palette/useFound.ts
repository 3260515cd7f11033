/** Keys, people and teams by name, as somebody types. What is typed on over is not waited for. */

import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { api, take } from '@/api/client';
import { type Me, seesAll } from '@/api/me';

export type Thing = { id: string; label: string; note: string; to: string };
export type Found = { keys: Thing[]; people: Thing[]; teams: Thing[]; busy: boolean; error: unknown };

const TYPING_MS = 180;
const LEAST_LETTERS = 2;
const MOST = 5;

export function useFound(me: Me, typed: string): Found {
  const [wanted] = useDebouncedValue(typed.trim(), TYPING_MS);
  const enabled = typed.trim().length >= LEAST_LETTERS && wanted.length >= LEAST_LETTERS;
  const options = { enabled, placeholderData: keepPreviousData };
  const keys = useQuery({
    queryKey: ['palette', 'keys', wanted],
    queryFn: ({ signal }) => findKeys(me, wanted, signal),
    ...options,
  });
  const people = useQuery({
    queryKey: ['palette', 'people', wanted],
    queryFn: ({ signal }) => findPeople(wanted, signal),
    ...options,
    enabled: enabled && seesAll(me),
  });
  const teams = useQuery({
    queryKey: ['palette', 'teams'],
    queryFn: async ({ signal }) => (await take(api.GET('/v1/teams', { signal }))).teams,
    ...options,
  });
  const all = [keys, people, teams];
  return {
    keys: enabled ? (keys.data ?? []) : [],
    people: enabled ? (people.data ?? []) : [],
    teams: enabled
      ? (teams.data ?? [])
          .filter((team) => has(team.name, wanted))
          .slice(0, MOST)
          .map((team) => ({
            id: team.id,
            label: team.name,
            note: 'Team',
            to: `/people?${new URLSearchParams({ tab: 'teams', team: team.id })}`,
          }))
      : [],
    busy:
      typed.trim().length >= LEAST_LETTERS &&
      (typed.trim() !== wanted || all.some((query) => query.isFetching)),
    error: enabled ? (all.find((query) => query.error !== null)?.error ?? null) : null,
  };
}

function has(name: string, typed: string): boolean {
  return name.toLowerCase().includes(typed.toLowerCase());
}

async function findKeys(me: Me, search: string, signal: AbortSignal): Promise<Thing[]> {
  const { keys } = seesAll(me)
    ? await take(api.GET('/v1/ai/keys/customer', { params: { query: { search, limit: MOST } }, signal }))
    : await take(api.GET('/v1/ai/keys/user', { signal }));
  return keys
    .filter((key) => seesAll(me) || has(key.name, search))
    .slice(0, MOST)
    .map((key) => ({
      id: key.hash,
      label: key.name,
      note: key.display,
      to: `/keys/${encodeURIComponent(key.hash)}`,
    }));
}

async function findPeople(search: string, signal: AbortSignal): Promise<Thing[]> {
  const { users } = await take(api.GET('/v1/users', { params: { query: { search, limit: MOST } }, signal }));
  return users.map((user) => ({
    id: user.id,
    label: user.name,
    note: user.email,
    to: `/people?${new URLSearchParams({ user: user.id })}`,
  }));
}
