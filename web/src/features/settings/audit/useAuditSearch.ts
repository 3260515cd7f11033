import { getRouteApi, useNavigate } from '@tanstack/react-router';
import type { SettingsSearch } from '../search';

const route = getRouteApi('/in/settings/$section');

/** The filters, which are in the address; undefined takes one away. */
export function useAuditSearch() {
  const search: SettingsSearch = route.useSearch();
  const navigate = useNavigate();
  function show(next: SettingsSearch) {
    void navigate({ to: '/settings/$section', params: { section: 'audit' }, search: next, replace: true });
  }
  function go(change: { [Name in keyof SettingsSearch]?: SettingsSearch[Name] | undefined }) {
    show(
      Object.fromEntries(Object.entries({ ...search, ...change }).filter(([, value]) => value !== undefined)),
    );
  }
  return { search, go, clear: () => show({}), filtered: Object.keys(search).length > 0 };
}
