import { getRouteApi, useNavigate } from '@tanstack/react-router';
import type { PeopleSearch } from './search';

const route = getRouteApi('/in/people');

/** What the address says, and a way to say something else; undefined takes a word out of it. */
export function usePeopleSearch() {
  const search: PeopleSearch = route.useSearch();
  const navigate = useNavigate();
  function go(change: { [Name in keyof PeopleSearch]?: PeopleSearch[Name] | undefined }, replace = false) {
    const next = Object.entries({ ...search, ...change }).filter(([, value]) => value !== undefined);
    void navigate({ to: '/people', search: Object.fromEntries(next), replace });
  }
  return { search, go };
}
