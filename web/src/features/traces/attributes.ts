/** A span's attributes: in groups, as texts, and those that match a word. Pure. */

import { isContent } from './contentNames';

export type Entry = { name: string; value: string; cut: boolean };
export type Group = { name: string; entries: Entry[] };

const GROUPS: readonly [string, RegExp][] = [
  ['GenAI', /^gen_ai\./],
  ['Tollhouse', /^tollhouse\./],
  ['HTTP', /^(http|url|server|client|network|user_agent)\./],
  ['Errors', /^(error|exception)\./],
  ['Database', /^(db)\./],
];
const OTHER = 'Other';
/** Long, and shown as a conversation elsewhere: last. */
const CONTENT = 'Content';
const TRUNCATED = '.truncated';

export function groupsOf(attributes: Record<string, unknown>, word = ''): Group[] {
  const groups = new Map<string, Entry[]>(
    [...GROUPS.map(([name]) => name), OTHER, CONTENT].map((name) => [name, []]),
  );
  const wanted = word.trim().toLowerCase();
  for (const name of Object.keys(attributes).sort()) {
    if (name.endsWith(TRUNCATED) && name.slice(0, -TRUNCATED.length) in attributes) continue;
    const value = textOf(attributes[name]);
    if (wanted !== '' && !name.toLowerCase().includes(wanted) && !value.toLowerCase().includes(wanted))
      continue;
    const cut = attributes[`${name}${TRUNCATED}`] === true;
    groups.get(groupOf(name))?.push({ name, value, cut });
  }
  return [...groups]
    .filter(([, entries]) => entries.length > 0)
    .map(([name, entries]) => ({ name, entries }));
}

function groupOf(name: string): string {
  if (isContent(name)) return CONTENT;
  return GROUPS.find(([, pattern]) => pattern.test(name))?.[0] ?? OTHER;
}

export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return JSON.stringify(value) ?? String(value);
}

/** How many there are without the marks of what was cut. */
export function countOf(attributes: Record<string, unknown>): number {
  return groupsOf(attributes).reduce((sum, group) => sum + group.entries.length, 0);
}
