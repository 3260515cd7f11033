/** A member's keys come all at once: they are searched, sorted and summed here as the server does it for others. Pure. */

import { nanosOf, sumUsd } from '@/ui/decimals';
import type { Key } from './form';
import type { Totals } from './queries';
import type { KeysSearch, Sort } from './search';

type Order = (one: Key, other: Key) => number;

const time = (at: string | null) => (at === null ? 0 : Date.parse(at));

const ORDERS: Record<Sort, Order> = {
  newest: (one, other) => time(other.created_at) - time(one.created_at),
  oldest: (one, other) => time(one.created_at) - time(other.created_at),
  name: (one, other) => one.name.localeCompare(other.name),
  last_used: (one, other) => time(other.last_used_at) - time(one.last_used_at),
  spend: (one, other) => {
    const [a, b] = [nanosOf(one.spend_usd), nanosOf(other.spend_usd)];
    return a === b ? 0 : a < b ? 1 : -1;
  },
};

function wordsOf(key: Key): string {
  const words = [
    key.name,
    key.display,
    key.hash,
    key.owner?.email,
    key.owner?.name,
    key.team_name,
    ...key.tags,
  ];
  return words.join(' ').toLowerCase();
}

export function foundOf(keys: readonly Key[], search: KeysSearch): Key[] {
  const { q = '', state, user, team, tag, sort = 'newest' } = search;
  const text = q.toLowerCase();
  return keys
    .filter(
      (key) =>
        (text === '' || wordsOf(key).includes(text)) &&
        (state === undefined || key.state === state) &&
        (user === undefined || key.user_id === user) &&
        (team === undefined || key.team_id === team) &&
        (tag === undefined || key.tags.includes(tag)),
    )
    .sort(ORDERS[sort]);
}

export function totalsOf(keys: readonly Key[]): Totals {
  const byState: Totals['by_state'] = {};
  for (const key of keys) byState[key.state] = (byState[key.state] ?? 0) + 1;
  return { keys: keys.length, spend_usd: sumUsd(keys.map((key) => key.spend_usd)), by_state: byState };
}
