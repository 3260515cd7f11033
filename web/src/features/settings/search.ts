/** What may stand in the address of a section: the filters of the audit log. */

export type SettingsSearch = {
  action?: string;
  actor?: string;
  subject?: string;
  /** Days, as `2026-11-26`, in the reader's own time. */
  from?: string;
  to?: string;
};

const NAMES = ['action', 'actor', 'subject', 'from', 'to'] as const;
const DAYS: readonly string[] = ['from', 'to'];
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const LONGEST = 200;

export function settingsSearch(given: Record<string, unknown>): SettingsSearch {
  const found: SettingsSearch = {};
  for (const name of NAMES) {
    const value = typeof given[name] === 'number' ? String(given[name]) : given[name];
    if (typeof value !== 'string' || value === '' || value.length > LONGEST) continue;
    if (DAYS.includes(name) && !DAY.test(value)) continue;
    found[name] = value;
  }
  return found;
}
