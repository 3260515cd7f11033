/** What may stand in this page's address; anything else is left out. */

import type { Role } from '@/api/me';

export type Tab = 'users' | 'teams' | 'invitations';

export type PeopleSearch = {
  tab?: Tab;
  /** Filters of the list of people. */
  q?: string;
  role?: Role;
  state?: 'active' | 'disabled';
  in_team?: string;
  /** What is open beside the list. */
  user?: string;
  team?: string;
};

const TABS: readonly string[] = ['users', 'teams', 'invitations'];
const ROLES: readonly string[] = ['admin', 'manager', 'member'];
const STATES: readonly string[] = ['active', 'disabled'];
const LONGEST = 200;

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= LONGEST ? value : undefined;
}

function oneOf<T extends string>(allowed: readonly string[], value: unknown): T | undefined {
  return typeof value === 'string' && allowed.includes(value) ? (value as T) : undefined;
}

export function peopleSearch(given: Record<string, unknown>): PeopleSearch {
  const found = {
    tab: oneOf<Tab>(TABS, given.tab),
    q: text(typeof given.q === 'number' ? String(given.q) : given.q),
    role: oneOf<Role>(ROLES, given.role),
    state: oneOf<'active' | 'disabled'>(STATES, given.state),
    in_team: text(given.in_team),
    user: text(given.user),
    team: text(given.team),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}
