/** What may stand in the addresses of the keys' pages; anything else is left out. */

export const STATES = ['active', 'disabled', 'expired', 'exhausted'] as const;
export const SORTS = ['newest', 'oldest', 'name', 'spend', 'last_used'] as const;
export const DAYS = [7, 30, 90] as const;

export type State = (typeof STATES)[number];
export type Sort = (typeof SORTS)[number];
export type Days = (typeof DAYS)[number];

export type KeysSearch = {
  q?: string;
  state?: State;
  user?: string;
  team?: string;
  tag?: string;
  sort?: Sort;
  /** The form for a new key is open. */
  make?: true;
};

export type KeySearch = {
  /** The call whose receipt is open. */
  receipt?: string;
  days?: Days;
};

const LONGEST = 200;

function text(value: unknown): string | undefined {
  const given = typeof value === 'number' ? String(value) : value;
  return typeof given === 'string' && given !== '' && given.length <= LONGEST ? given : undefined;
}

function oneOf<T extends string | number>(values: readonly T[], given: unknown): T | undefined {
  return values.find((value) => value === given);
}

/** Without the fields that say nothing. */
export function given<T extends object>(fields: { [Name in keyof T]: T[Name] | undefined }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}

export function keysSearch(from: Record<string, unknown>): KeysSearch {
  return given<KeysSearch>({
    q: text(from.q),
    state: oneOf(STATES, from.state),
    user: text(from.user),
    team: text(from.team),
    tag: text(from.tag),
    sort: oneOf(SORTS, from.sort),
    make: from.make === true ? true : undefined,
  });
}

export function keySearch(from: Record<string, unknown>): KeySearch {
  return given<KeySearch>({ receipt: text(from.receipt), days: oneOf(DAYS, from.days) });
}

/** As the API takes it. */
export type Query = {
  search?: string;
  state?: State;
  user_id?: string;
  team_id?: string;
  tag?: string;
  sort?: Sort;
};

export function queryOf(search: KeysSearch): Query {
  return given<Query>({
    search: search.q,
    state: search.state,
    user_id: search.user,
    team_id: search.team,
    tag: search.tag,
    sort: search.sort,
  });
}

export function isNarrowed({ q, state, user, team, tag }: KeysSearch): boolean {
  return [q, state, user, team, tag].some((each) => each !== undefined);
}

/** The table's name of an order; the API has each in the one direction that people mean, but for the time. */
export function columnOf(sort: Sort | undefined): string {
  return {
    newest: '-created',
    oldest: 'created',
    name: 'name',
    spend: '-spend',
    last_used: '-last_used',
  }[sort ?? 'newest'];
}

export function sortOf(column: string): Sort {
  if (column === 'created') return 'oldest';
  return oneOf(SORTS, column.replace('-', '')) ?? 'newest';
}
