/** Which values a filter offers. Pure. */

import { type Dimension, nameOf } from './dimensions';

type Row = { value: string | null; name: string | null; calls: number };
export type Choice = { value: string; name: string; calls: number | null };

/** Those with calls, and those that are chosen; narrowed to what was typed. */
export function choicesOf(
  dimension: Dimension,
  rows: readonly Row[],
  chosen: readonly string[],
  typed: string,
): Choice[] {
  const found = new Map<string, Choice>();
  for (const { value, name, calls } of rows) {
    found.set(value ?? '', { value: value ?? '', name: nameOf(dimension, value, name), calls });
  }
  for (const value of chosen) {
    if (!found.has(value)) found.set(value, { value, name: nameOf(dimension, value), calls: null });
  }
  const wanted = typed.trim().toLowerCase();
  return [...found.values()].filter(({ name }) => name.toLowerCase().includes(wanted));
}
