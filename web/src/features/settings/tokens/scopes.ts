/** What a narrow API token may be good for, in the groups that people think in. Pure. */

import type { Schemas } from '@/api/client';

export type Scope = NonNullable<Schemas['TokenIn']['scopes']>[number];

export type ScopeGroup = { title: string; scopes: readonly { value: Scope; label: string }[] };

export const SCOPE_GROUPS: readonly ScopeGroup[] = [
  {
    title: 'Keys',
    scopes: [
      { value: 'keys:read', label: 'List keys and models' },
      { value: 'keys:write', label: 'Make, change, rotate and delete keys' },
    ],
  },
  {
    title: 'Budgets',
    scopes: [
      { value: 'limits:read', label: 'See budgets' },
      { value: 'limits:write', label: 'Set and raise budgets' },
    ],
  },
  {
    title: 'Reports and traces',
    scopes: [
      { value: 'reports:read', label: 'Read reports, receipts and traces' },
      { value: 'traces:write', label: 'Send traces' },
    ],
  },
  {
    title: 'People',
    scopes: [
      { value: 'people:read', label: 'See people and teams' },
      { value: 'people:write', label: 'Invite people, run teams' },
    ],
  },
  {
    title: 'Ledger',
    scopes: [
      { value: 'ledger:read', label: 'Read the ledger and what-if' },
      { value: 'ledger:write', label: 'Correct calls, release what is in doubt' },
    ],
  },
  {
    title: 'Organisation',
    scopes: [
      { value: 'customer:read', label: 'See settings and the audit log' },
      { value: 'customer:write', label: 'Change settings, gateway, webhook, exports' },
    ],
  },
];

/** `Everything`, `Keys (read), Budgets (read, write)`: by group, in the order of the groups. */
export function scopesInWords(scopes: readonly Scope[] | null): string {
  if (scopes === null) return 'Everything you may do';
  return SCOPE_GROUPS.flatMap((group) => {
    const verbs = group.scopes
      .filter(({ value }) => scopes.includes(value))
      .map(({ value }) => (value === 'traces:write' ? 'send' : (value.split(':')[1] ?? '')));
    return verbs.length === 0 ? [] : [`${group.title} (${verbs.join(', ')})`];
  }).join(', ');
}

/** All of a group, or none of it. */
export function toggleGroup(chosen: readonly Scope[], group: ScopeGroup, on: boolean): Scope[] {
  const own = group.scopes.map(({ value }) => value);
  const others = chosen.filter((scope) => !own.includes(scope));
  return on ? [...others, ...own] : others;
}

export type Lifetime = '30' | '90' | '365' | 'never';

export const LIFETIMES: readonly { value: Lifetime; label: string }[] = [
  { value: '30', label: '30 days' },
  { value: '90', label: '90 days' },
  { value: '365', label: 'A year' },
  { value: 'never', label: 'It does not end' },
];

export function expiryOf(lifetime: Lifetime, now: Date): string | null {
  return lifetime === 'never' ? null : new Date(now.getTime() + Number(lifetime) * 86_400_000).toISOString();
}
