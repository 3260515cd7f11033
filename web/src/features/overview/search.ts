/** What may stand in the overview's address; anything else is left out. */

import { type RangeSearch, rangeSearch } from '@/ui/timeRange';
import {
  DIMENSIONS,
  type Dimension,
  type Filters,
  MEASURES,
  type Measure,
  RANKS,
  type Rank,
} from './dimensions';

export const SHAPES = ['bar', 'area', 'table'] as const;
type Shape = (typeof SHAPES)[number];

/** Each list shows one of these. */
export const LISTS = {
  what: ['model', 'provider'],
  who: ['user', 'team', 'key'],
  through: ['tool', 'vendor', 'source'],
} as const satisfies Record<string, readonly Dimension[]>;
export type ListName = keyof typeof LISTS;

type Lists = { [list in ListName]?: (typeof LISTS)[list][number] | undefined };

export type OverviewSearch = RangeSearch &
  Filters &
  Lists & {
    measure?: Measure | undefined;
    by?: Dimension | undefined;
    shape?: Shape | undefined;
    rank?: Rank | undefined;
    /** Other limits for the whole organisation are being tried out. */
    what_if?: true | undefined;
  };

/** To take them all away. */
export const NO_FILTERS: OverviewSearch = Object.fromEntries(
  DIMENSIONS.map((dimension) => [dimension, undefined]),
);

const MOST_VALUES = 50;
const LONGEST = 300;

export function overviewSearch(given: Record<string, unknown>): OverviewSearch {
  return whole({
    ...rangeSearch(given),
    ...filtersOf(given),
    measure: oneOf(MEASURES, given.measure),
    by: oneOf(DIMENSIONS, given.by),
    shape: oneOf(SHAPES, given.shape),
    rank: oneOf(RANKS, given.rank),
    what: oneOf(LISTS.what, given.what),
    who: oneOf(LISTS.who, given.who),
    through: oneOf(LISTS.through, given.through),
    what_if: given.what_if === true ? true : undefined,
  });
}

/** The filters in an address, as the API takes them: those that are not there are not mentioned. */
export function filtersOf(given: Record<string, unknown>): Filters {
  const filters: Filters = {};
  for (const dimension of DIMENSIONS) {
    const values = valuesOf(given[dimension]);
    if (values.length > 0) filters[dimension] = values;
  }
  return filters;
}

/** A value that looks like a number is one in the address. */
function valuesOf(given: unknown): string[] {
  const listed: readonly unknown[] = Array.isArray(given) ? given : given === undefined ? [] : [given];
  const texts = listed
    .map((value) => (typeof value === 'number' ? String(value) : value))
    .filter((value): value is string => typeof value === 'string' && value.length <= LONGEST);
  return [...new Set(texts)].slice(0, MOST_VALUES);
}

/** With the value if it was not chosen, without it if it was. */
export function toggled(values: readonly string[] | undefined, value: string): string[] | undefined {
  const before = values ?? [];
  const after = before.includes(value) ? before.filter((each) => each !== value) : [...before, value];
  return after.length === 0 ? undefined : after;
}

function oneOf<T extends string>(allowed: readonly T[], value: unknown): T | undefined {
  return allowed.find((each) => each === value);
}

function whole<T extends object>(search: T): T {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined)) as T;
}
