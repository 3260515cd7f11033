/** Filters as chips: what each says, and what the address loses with it. Pure. */

import { duration, usd } from '@/ui/numbers';
import {
  DIMENSION_NAMES,
  DIMENSIONS,
  type Dimension,
  type Filters,
  SOURCE_NAMES,
  STATUS_NAMES,
} from './filters';

export type Facet = Dimension | 'text' | 'status' | 'duration' | 'cost';
export type Chip = { facet: Facet; label: string; value: string; without: Filters };
export type NameOf = (dimension: Dimension, value: string) => string;

const MOST_NAMED = 2;

export const FACET_NAMES: Record<Facet, string> = {
  ...DIMENSION_NAMES,
  text: 'Text',
  status: 'Status',
  duration: 'Duration',
  cost: 'Cost',
};

export function chipsOf(filters: Filters, nameOf: NameOf): Chip[] {
  const chips: Chip[] = [];
  const add = (facet: Facet, value: string, without: Filters) =>
    chips.push({ facet, label: FACET_NAMES[facet], value, without });
  if (filters.status !== undefined) add('status', STATUS_NAMES[filters.status], { status: undefined });
  for (const dimension of DIMENSIONS) {
    const values = filters[dimension];
    if (values !== undefined) {
      add(dimension, listed(values.map((value) => nameOf(dimension, value))), { [dimension]: undefined });
    }
  }
  const { min_ms, max_ms, min_usd, max_usd } = filters;
  if (min_ms !== undefined || max_ms !== undefined) {
    add('duration', between(shown(min_ms, duration), shown(max_ms, duration)), {
      min_ms: undefined,
      max_ms: undefined,
    });
  }
  if (min_usd !== undefined || max_usd !== undefined) {
    add('cost', between(shown(min_usd, usd), shown(max_usd, usd)), {
      min_usd: undefined,
      max_usd: undefined,
    });
  }
  return chips;
}

/** What a value is called if nothing better is known. Ids of what is gone are long. */
export function plainName(dimension: Dimension, value: string): string {
  if (value === '') return 'none';
  if (dimension === 'source') return SOURCE_NAMES[value] ?? value;
  const isId = dimension === 'user' || dimension === 'team' || dimension === 'key';
  return isId && value.length > 12 ? `${value.slice(0, 8)}…` : value;
}

function listed(names: string[]): string {
  const rest = names.length - MOST_NAMED;
  const first = names.slice(0, MOST_NAMED).join(', ');
  return rest > 0 ? `${first} +${rest}` : first;
}

function shown<T>(value: T | undefined, as: (value: T) => string): string | undefined {
  return value === undefined ? undefined : as(value);
}

function between(least: string | undefined, most: string | undefined): string {
  if (least !== undefined && most !== undefined) return `${least} to ${most}`;
  return least !== undefined ? `at least ${least}` : `at most ${most}`;
}
