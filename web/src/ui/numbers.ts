/** Money, tokens and durations as texts. Money arrives as an exact decimal text of dollars and is never made a float
 *  for anything but the choice of how many digits to show. */

const GROUPS = new Intl.NumberFormat('en-US');
const COMPACT = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });
const PERCENT = new Intl.NumberFormat('en-US', { style: 'percent', maximumFractionDigits: 1 });
const MINUS = '\u2212';

const MOST_DIGITS = 9;
const LARGE = 10_000_000;
const MILLIONS = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 2 });
/** By how many decimals they show at most. To make one costs as much as a row of a table, so all are made once. */
const DECIMALS = Array.from(
  { length: MOST_DIGITS + 1 },
  (_, most) =>
    new Intl.NumberFormat('en-US', { minimumFractionDigits: Math.min(2, most), maximumFractionDigits: most }),
);
const CENTS = 2;

/** `$1,204.50`; below a dollar as many digits as it takes to see two that count: `$0.0042`. Zero is `$0.00`. From ten
 *  millions on `$12.35M`: no card or column has room for more, and every digit is there on hover. */
export function usd(amount: string | number): string {
  const value = Number(amount);
  const size = Math.abs(value);
  const sign = value < 0 ? MINUS : '';
  if (size >= LARGE) return `${sign}$${MILLIONS.format(size)}`;
  const digits = size === 0 || size >= 1 ? CENTS : Math.max(CENTS, 1 - Math.floor(Math.log10(size)));
  return `${sign}$${DECIMALS[Math.min(digits, MOST_DIGITS)]?.format(size)}`;
}

/** All digits that the API gave. */
export function exactUsd(amount: string): string {
  const [whole = '0', part = ''] = amount.replace('-', '').split('.');
  const rest = part.replace(/0+$/, '').padEnd(2, '0');
  return `${amount.startsWith('-') ? MINUS : ''}$${GROUPS.format(BigInt(whole === '' ? '0' : whole))}.${rest}`;
}

const NANOS_PER_USD = 1_000_000_000n;

/** Whole nano-dollars as the decimal text that money is everywhere else. */
export function usdOfNanos(nanos: number): string {
  const whole = BigInt(Math.round(nanos));
  const size = whole < 0n ? -whole : whole;
  const part = (size % NANOS_PER_USD).toString().padStart(MOST_DIGITS, '0');
  return `${whole < 0n ? '-' : ''}${size / NANOS_PER_USD}.${part}`;
}

/** `$1.2K`, for axes; whole dollars without cents. */
export function shortUsd(amount: number): string {
  if (amount >= 0 && amount < 1000 && Number.isInteger(amount)) return `$${amount}`;
  return Math.abs(amount) >= 1000 ? `$${COMPACT.format(amount)}` : usd(amount);
}

export function count(value: number): string {
  return GROUPS.format(value);
}

/** `1.2M`; below 10,000 every digit. */
export function short(value: number): string {
  return Math.abs(value) < 10_000 ? GROUPS.format(Math.round(value)) : COMPACT.format(value);
}

export function percent(share: number): string {
  return PERCENT.format(share);
}

/** `840 ms`, `1.24 s`, `2 min 5 s`. */
export function duration(ms: number): string {
  if (ms === 0) return '0 ms';
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  const minutes = Math.floor(ms / 60_000);
  const seconds = Math.round((ms % 60_000) / 1000);
  return minutes < 60 ? `${minutes} min ${seconds} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** By how much of the former value it went up (positive) or down; null where there is nothing to compare with. */
export function change(now: number, before: number): number | null {
  return before === 0 ? null : (now - before) / before;
}
