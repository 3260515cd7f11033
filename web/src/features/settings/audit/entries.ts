/** Lines of the audit log for reading. Pure. */

import type { Schemas } from '@/api/client';
import type { SettingsSearch } from '../search';

export type Line = Schemas['tollhouse__control__history__endpoints__LineOut'];
type Side = Line['before'];

export type Difference = { name: string; before: string | null; after: string | null };

const NAMES: Readonly<Record<string, string>> = {
  allowed_models: 'Allowed models',
  budget_usd: 'Budget',
  budget_reset: 'Budget reset',
  capture_content: 'Keeps prompts and answers',
  credential_mode: 'Who pays the providers',
  trace_retention_days: 'Days that traces are kept',
  member_max_budget_usd: 'Members’ keys: greatest budget',
  member_allowed_models: 'Members’ keys: models',
  member_max_keys: 'Members’ keys: most',
  billing_email: 'Billing e-mail',
  team_ids: 'Teams',
  user_id: 'Person',
  team_id: 'Team',
  url: 'Address',
};

/** `expires_at` is `Expires at`, unless people have a better word for it. */
export function nameOf(field: string): string {
  const known = NAMES[field];
  if (known !== undefined) return known;
  const words = field.replaceAll('_', ' ').replace(/\busd\b/, '(USD)');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A value as people write it; null where there is none. */
export function asWritten(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(String).join('\n');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** What is different, field by field; what is the same on both sides is left out. */
export function differences(before: Side, after: Side): Difference[] {
  const fields = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  return fields
    .map((field) => ({
      name: nameOf(field),
      before: asWritten(before?.[field]),
      after: asWritten(after?.[field]),
    }))
    .filter((each) => each.before !== each.after);
}

/** All of them in one line, for the list. */
export function inShort(line: Line): string {
  return differences(line.before, line.after)
    .map(
      ({ name, before, after }) => `${name}: ${[before, after].filter((side) => side !== null).join(' → ')}`,
    )
    .join('; ')
    .replaceAll('\n', ', ');
}

const KINDS: Readonly<Record<string, string>> = {
  key: 'Keys',
  limit: 'Budgets',
  user: 'People',
  invitation: 'Invitations',
  team: 'Teams',
  identity: 'Identities',
  password: 'Passwords',
  session: 'Sessions',
  token: 'API tokens',
  customer: 'Organisation',
  gateway: 'Gateway',
  provider_key: 'Keys of providers',
  webhook: 'Webhook',
  trace_exporter: 'Trace exports',
  ledger: 'Ledger',
  usage_event: 'Billing events',
  billing_account: 'Billing account',
};

export const KIND_OPTIONS = Object.entries(KINDS).map(([value, label]) => ({ value, label }));

const THINGS: Readonly<Record<string, string>> = {
  limit: 'budget',
  customer: 'organisation',
  usage_event: 'billing event',
};

/** `key.update` is `Key: update`. */
export function actionOf(action: string): string {
  const [thing = '', verb = ''] = action.split('.');
  const noun = (THINGS[thing] ?? thing).replaceAll('_', ' ');
  return `${noun.charAt(0).toUpperCase()}${noun.slice(1)}: ${verb.replaceAll('_', ' ')}`;
}

/** The moments that days in the address stand for: from its beginning, to the end of the last. */
export function queryOf(search: SettingsSearch): Record<string, string> {
  const found: Record<string, string> = {};
  if (search.action !== undefined) found.action = search.action;
  if (search.actor !== undefined) found.actor = search.actor;
  if (search.subject !== undefined) found.subject = search.subject;
  const since = dayStart(search.from, 0);
  const until = dayStart(search.to, 1);
  if (since !== null) found.since = since;
  if (until !== null) found.until = until;
  return found;
}

function dayStart(day: string | undefined, later: number): string | null {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day ?? '');
  if (match === null) return null;
  const moment = new Date(Number(match[1]), Number(match[2]) - 1, Number(match[3]) + later);
  return moment.toISOString();
}

export function exportAddress(search: SettingsSearch, format: 'csv' | 'ndjson'): string {
  return `/v1/audit/export?${new URLSearchParams({ ...queryOf(search), format }).toString()}`;
}
