/** Exact arithmetic on the API's decimal texts of dollars, as whole nano-dollars. A float only where a bar needs a length. */

import { MOST_KEY_BUDGET_USD, MOST_LIMIT_USD } from '@/api/bounds';

const PLACES = 9;
const SCALE = 10n ** BigInt(PLACES);
const PLAIN = /^\d{1,20}(\.\d{1,20})?$/;
const GROUPED = /^\d{1,3}(,\d{3})+(\.\d+)?$/;
const GROUPS = new Intl.NumberFormat('en-US');

/** `most`: the API's own bound; `places`: how many decimals it takes. */
export type UsdRule = { most: string; places: number; atLeast?: 'zero' | 'more' };

export const KEY_BUDGET: UsdRule = { most: MOST_KEY_BUDGET_USD, places: 4 };
/** Of every other budget, a raise of one, and what a call may be said to have cost. */
export const LIMIT: UsdRule = { most: MOST_LIMIT_USD, places: 9 };

export function nanosOf(text: string): bigint {
  const negative = text.startsWith('-');
  const [whole = '0', part = ''] = text.replace('-', '').split('.');
  const nanos =
    BigInt(whole === '' ? '0' : whole) * SCALE + BigInt(part.slice(0, PLACES).padEnd(PLACES, '0') || '0');
  return negative ? -nanos : nanos;
}

export function usdOf(nanos: bigint): string {
  const size = nanos < 0n ? -nanos : nanos;
  const part = (size % SCALE).toString().padStart(PLACES, '0');
  return `${nanos < 0n ? '-' : ''}${size / SCALE}.${part}`;
}

export function sumUsd(texts: Iterable<string>): string {
  let sum = 0n;
  for (const text of texts) sum += nanosOf(text);
  return usdOf(sum);
}

/** How much of the whole the part is, for the length of a bar; 1 of nothing. */
export function shareOf(part: string, whole: string): number {
  const of = nanosOf(whole);
  if (of === 0n) return 1;
  return Number((nanosOf(part) * 10_000n) / of) / 10_000;
}

/** Without separators of thousands, where they are that: `10,50` stays as it is, and is no amount. */
function ungrouped(text: string): string {
  return GROUPED.test(text) ? text.replaceAll(',', '') : text;
}

/** What people type as the API takes it: without a dollar sign, spaces and separators of thousands. */
export function typedUsd(text: string): string {
  const plain = ungrouped(text.trim().replace(/^\$\s*/, ''));
  return plain.startsWith('.') ? `0${plain}` : plain.replace(/\.$/, '');
}

/** Why the API would refuse this amount; null: it would not. */
export function problemWithUsd(text: string, rule: UsdRule): string | null {
  const amount = typedUsd(text);
  if (!PLAIN.test(amount)) return 'Type an amount of dollars, such as 25 or 10.50';
  const places = (amount.split('.')[1] ?? '').replace(/0+$/, '').length;
  if (places > rule.places) return `At most ${rule.places} decimals`;
  if (nanosOf(amount) > nanosOf(rule.most)) {
    const [whole = '0', part] = rule.most.split('.');
    return `At most $${GROUPS.format(BigInt(whole))}${part === undefined ? '' : `.${part}`}`;
  }
  if (rule.atLeast === 'more' && nanosOf(amount) === 0n) return 'More than $0';
  return null;
}

/** `25.0000` as people write it in a field: `25`; `10.5000`: `10.50`. */
export function usdField(text: string | null): string {
  if (text === null) return '';
  const [whole = '0', part = ''] = text.split('.');
  const rest = part.replace(/0+$/, '');
  return rest === '' ? whole : `${whole}.${rest.padEnd(2, '0')}`;
}
