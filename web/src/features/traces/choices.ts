/** Which values of a dimension are offered. Pure. */

import { plainName } from './chips';
import type { Dimension } from './filters';

type Row = { value: string | null; name: string | null; calls: number };
/** `calls` null: none are known. */
export type Choice = { value: string; label: string; calls: number | null };

const FIXED: Partial<Record<Dimension, readonly string[]>> = { source: ['proxy', 'otlp'] };
const FREE = new Set<Dimension>(['model', 'provider', 'vendor', 'tool']);

/** Those with calls, those that are chosen, and what was typed, if it can be a value. */
export function choicesOf(
  dimension: Dimension,
  rows: readonly Row[],
  chosen: readonly string[],
  typed: string,
): Choice[] {
  const found = new Map<string, Choice>();
  for (const row of rows) {
    const value = row.value ?? '';
    found.set(value, { value, label: labelOf(dimension, value, row.name), calls: row.calls });
  }
  for (const value of [...chosen, ...(FIXED[dimension] ?? [])]) {
    if (!found.has(value)) found.set(value, { value, label: labelOf(dimension, value, null), calls: null });
  }
  const wanted = typed.trim().toLowerCase();
  if (wanted === '') return [...found.values()];
  const matching = [...found.values()].filter((choice) =>
    `${choice.label} ${choice.value}`.toLowerCase().includes(wanted),
  );
  const exact = matching.some((choice) => choice.value === typed.trim());
  return FREE.has(dimension) && !exact
    ? [...matching, { value: typed.trim(), label: typed.trim(), calls: null }]
    : matching;
}

function labelOf(dimension: Dimension, value: string, name: string | null): string {
  if (value === '') return `No ${dimension}`;
  return name ?? plainName(dimension, value);
}
