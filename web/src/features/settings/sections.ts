/** The parts of Settings, and who sees which: what the API would refuse is not offered. */

import type { Role } from '@/api/me';

export type SectionId =
  | 'organisation'
  | 'gateway'
  | 'tokens'
  | 'otlp'
  | 'exports'
  | 'alerts'
  | 'billing'
  | 'ledger'
  | 'audit'
  | 'account';

export type SectionInfo = { id: SectionId; label: string; about: string; roles: readonly Role[] };

const ALL: readonly Role[] = ['admin', 'manager', 'member'];
const RUNNING: readonly Role[] = ['admin', 'manager'];
const ADMINS: readonly Role[] = ['admin'];

export const SECTIONS: readonly SectionInfo[] = [
  { id: 'account', label: 'Your account', about: 'Your name, password and open sessions.', roles: ALL },
  { id: 'tokens', label: 'API tokens', about: 'What programs send in your place.', roles: ALL },
  { id: 'otlp', label: 'Send traces', about: 'Spans of your own programs and tools, over OTLP.', roles: ALL },
  {
    id: 'organisation',
    label: 'Organisation',
    about: 'What holds for everybody: name, traces, members’ keys, budgets.',
    roles: RUNNING,
  },
  {
    id: 'gateway',
    label: 'Gateway',
    about: 'The way to the models, and who pays for them.',
    roles: RUNNING,
  },
  {
    id: 'exports',
    label: 'Trace exports',
    about: 'Spans of calls, sent on to your own tools.',
    roles: ADMINS,
  },
  {
    id: 'alerts',
    label: 'Alerts',
    about: 'A webhook that is told when spending nears a limit.',
    roles: ADMINS,
  },
  {
    id: 'billing',
    label: 'Billing',
    about: 'Usage on its way to Stripe, and what did not get there.',
    roles: ADMINS,
  },
  {
    id: 'ledger',
    label: 'Ledger',
    about: 'Whether the book is right, and what is in doubt.',
    roles: RUNNING,
  },
  { id: 'audit', label: 'Audit log', about: 'Who changed what, from what, to what.', roles: ADMINS },
];

export const PERSONAL: readonly SectionId[] = ['account', 'tokens', 'otlp'];

export function sectionsFor(role: Role): SectionInfo[] {
  return SECTIONS.filter((section) => section.roles.includes(role));
}

export type Found =
  | { kind: 'shown'; section: SectionInfo }
  | { kind: 'closed'; wanted: string }
  | { kind: 'unknown'; wanted: string };

/** What stands at an address: a section, one that is for others, or nothing. */
export function find(wanted: string, role: Role): Found {
  const section = SECTIONS.find((each) => each.id === wanted);
  if (section === undefined) return { kind: 'unknown', wanted };
  return section.roles.includes(role)
    ? { kind: 'shown', section }
    : { kind: 'closed', wanted: section.label };
}
