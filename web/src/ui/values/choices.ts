/** Which values a filter offers. Pure. */

export type Row = { value: string | null; name: string | null; calls: number };
/** `calls` null: none are known. */
export type Choice = { value: string; name: string; calls: number | null };

export type Rule = {
  /** What people call a value; the empty one is for calls that have none. */
  nameOf: (value: string, name: string | null) => string;
  /** Those that are always offered. */
  fixed?: readonly string[];
  /** What is typed may be a value that had no calls. */
  free?: boolean;
};

/** Those with calls, those that are chosen, and those that are fixed; narrowed to what was typed. */
export function choicesOf(
  rows: readonly Row[],
  chosen: readonly string[],
  typed: string,
  { nameOf, fixed = [], free = false }: Rule,
): Choice[] {
  const found = new Map<string, Choice>();
  for (const row of rows) {
    const value = row.value ?? '';
    found.set(value, { value, name: nameOf(value, row.name), calls: row.calls });
  }
  for (const value of [...chosen, ...fixed]) {
    if (!found.has(value)) found.set(value, { value, name: nameOf(value, null), calls: null });
  }
  const wanted = typed.trim();
  const matching = [...found.values()].filter(({ name, value }) =>
    `${name} ${value}`.toLowerCase().includes(wanted.toLowerCase()),
  );
  if (!free || wanted === '' || matching.some(({ value }) => value === wanted)) return matching;
  return [...matching, { value: wanted, name: wanted, calls: null }];
}
