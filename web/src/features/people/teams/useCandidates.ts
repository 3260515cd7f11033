import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { candidatesQuery, type Team, usersQuery } from '../queries';

const SHOWN = 50;
/** With less the API finds nobody for a lead. */
export const LEAST_LETTERS = 2;

export type Candidate = { id: string; name: string; email: string };

/** Who could be put into the team: anybody for those who see all people, for leads those who begin like that. */
export function useCandidates(team: Team, wanted: string, seesAll: boolean) {
  const all = useInfiniteQuery({
    ...usersQuery(wanted === '' ? {} : { q: wanted }),
    placeholderData: keepPreviousData,
    enabled: seesAll,
  });
  const few = useQuery({
    ...candidatesQuery(team.id, wanted),
    placeholderData: keepPreviousData,
    enabled: !seesAll && wanted.length >= LEAST_LETTERS,
  });
  const listed = all.data?.pages.flatMap((page) => page.users) ?? [];
  const found: readonly Candidate[] = seesAll
    ? listed
    : wanted.length < LEAST_LETTERS
      ? []
      : (few.data ?? []);
  const inside = new Set(team.members.map((member) => member.user_id));
  const { isFetching, error } = seesAll ? all : few;
  return {
    people: found.filter((person) => !inside.has(person.id)).slice(0, SHOWN),
    busy: isFetching,
    error,
  };
}
