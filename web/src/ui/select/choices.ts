/** What can be chosen from a long list, by groups, and what a search leaves of it. Pure. */

export type Choice = {
  /** What is stored: for a model `provider/model`. */
  value: string;
  label: string;
  group: string;
  /** More that a search finds it by. */
  words?: string;
  /** Shown at the end of its line, in two columns. */
  notes?: readonly [string, string];
};

export type Row =
  | { kind: 'group'; id: string; group: string; values: readonly string[]; all: boolean }
  | { kind: 'choice'; id: string; choice: Choice; chosen: boolean; by: string | null }
  | { kind: 'free'; id: string; value: string; reaches: number };

const PATTERN = /^(?:[A-Za-z0-9._:/@+-]{1,200}|[A-Za-z0-9._:/@+-]{0,199}\*)$/;

/** The names that a pattern may mean a choice by: with what stands before its first slash, and without. */
function namesOf(value: string): readonly string[] {
  const whole = value.toLowerCase();
  const slash = whole.indexOf('/');
  return slash < 0 ? [whole] : [whole, whole.slice(slash + 1)];
}

/** As the gateway matches: exact but for a `*` at the end, in any case. */
export function allows(pattern: string, value: string): boolean {
  const wanted = pattern.toLowerCase();
  const names = namesOf(value);
  if (!wanted.endsWith('*')) return names.includes(wanted);
  return names.some((name) => name.startsWith(wanted.slice(0, -1)));
}

export function isPattern(text: string): boolean {
  return PATTERN.test(text);
}

/** Every word of the search must be somewhere in the choice; a pattern leaves what it reaches. */
export function found(choices: readonly Choice[], search: string): readonly Choice[] {
  const typed = search.trim();
  if (typed.endsWith('*') && isPattern(typed)) return choices.filter((choice) => allows(typed, choice.value));
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return choices;
  return choices.filter((choice) => {
    const text = `${choice.value} ${choice.label} ${choice.words ?? ''}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** `free`: texts that are not on the list may be chosen as patterns. */
export function rowsOf(
  choices: readonly Choice[],
  search: string,
  chosen: readonly string[],
  free: boolean,
): readonly Row[] {
  const left = found(choices, search);
  const frees = free ? freeRows(choices, search.trim(), chosen) : [];
  const listed = groupedRows(left, chosen);
  // Who types a star or ends with a slash means the pattern; others mean a model.
  return /[*/]$/.test(search.trim()) ? [...frees, ...listed] : [...listed, ...frees];
}

function groupedRows(left: readonly Choice[], chosen: readonly string[]): readonly Row[] {
  const exact = new Set(chosen.map((each) => each.toLowerCase()));
  const patterns = chosen.filter((each) => each.endsWith('*') || !each.includes('/'));
  const groups = new Map<string, Choice[]>();
  for (const choice of left) {
    const group = groups.get(choice.group);
    if (group === undefined) groups.set(choice.group, [choice]);
    else group.push(choice);
  }
  const rows: Row[] = [];
  for (const group of [...groups.keys()].sort((one, other) => one.localeCompare(other))) {
    const members = groups.get(group) ?? [];
    const values = members.map((choice) => choice.value);
    const all = values.every((value) => exact.has(value.toLowerCase()));
    rows.push({ kind: 'group', id: `group ${group}`, group, values, all });
    for (const choice of members) {
      const is = exact.has(choice.value.toLowerCase());
      const by = is ? null : (patterns.find((pattern) => allows(pattern, choice.value)) ?? null);
      rows.push({ kind: 'choice', id: choice.value, choice, chosen: is, by });
    }
  }
  return rows;
}

function freeRows(choices: readonly Choice[], typed: string, chosen: readonly string[]): readonly Row[] {
  if (typed === '' || !isPattern(typed)) return [];
  const known = new Set(choices.flatMap((choice) => namesOf(choice.value)));
  const offers = typed.endsWith('*') ? [typed] : [`${typed}*`, ...(typed.endsWith('/') ? [] : [typed])];
  return offers
    .filter((value) => isPattern(value) && !chosen.includes(value) && !known.has(value.toLowerCase()))
    .map((value) => ({
      kind: 'free' as const,
      id: `free ${value}`,
      value,
      reaches: choices.filter((choice) => allows(value, choice.value)).length,
    }))
    .filter((row) => row.reaches > 0 || row.value === typed);
}

function without(chosen: readonly string[], values: readonly string[]): string[] {
  const gone = new Set(values.map((value) => value.toLowerCase()));
  return chosen.filter((each) => !gone.has(each.toLowerCase()));
}

/** What is chosen after the row was: a group's row takes all that the search left of it, or gives all of it back. */
export function chosenAfter(row: Row, chosen: readonly string[]): string[] {
  switch (row.kind) {
    case 'group':
      return row.all
        ? without(chosen, row.values)
        : [...chosen, ...row.values.filter((value) => !chosen.includes(value))];
    case 'choice':
      return row.chosen ? without(chosen, [row.choice.value]) : [...chosen, row.choice.value];
    case 'free':
      return [...chosen, row.value];
  }
}

/** Where the eye should be after typing: on the first thing that can be chosen by itself. */
export function firstOf(rows: readonly Row[], search: string): number {
  if (search.trim() === '') return rows.length > 0 ? 0 : -1;
  return rows.findIndex((row) => row.kind !== 'group');
}
