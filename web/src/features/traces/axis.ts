/** The time axis of a waterfall, and where bars stand on it. Pure. */

import { duration } from '@/ui/numbers';

export type Tick = { ms: number; share: number; label: string };
/** Shares of the axis, 0 to 1. */
export type Bar = { left: number; width: number };

const S = 1_000;
const MIN = 60 * S;
const H = 60 * MIN;
/** Beyond seconds people do not count in tens. */
const LONG_STEPS = [1, 2, 5, 10, 15, 30]
  .flatMap((n) => [n * S])
  .concat(
    [1, 2, 5, 10, 15, 30].map((n) => n * MIN),
    [1, 2, 3, 6, 12, 24].map((n) => n * H),
  );

/** At most `most` steps; the first tick is 0, the last is not beyond the end. */
export function ticksOf(lengthMs: number, most = 5): Tick[] {
  if (!Number.isFinite(lengthMs) || lengthMs <= 0) return [{ ms: 0, share: 0, label: '0' }];
  const step = stepOf(lengthMs / Math.max(most, 1));
  const ticks: Tick[] = [];
  for (let n = 0; n * step <= lengthMs * (1 + 1e-9); n++) {
    const ms = n * step;
    ticks.push({ ms, share: ms / lengthMs, label: n === 0 ? '0' : round(ms) });
  }
  return ticks;
}

function stepOf(least: number): number {
  if (least > S) {
    const found = LONG_STEPS.find((step) => step >= least);
    return found ?? Math.ceil(least / (24 * H)) * 24 * H;
  }
  const power = 10 ** Math.floor(Math.log10(least));
  const digit = [1, 2, 5, 10].find((each) => each * power >= least * (1 - 1e-9)) ?? 10;
  return digit * power;
}

/** `1.5 s` rather than `1.50 s`: ticks are round. */
function round(ms: number): string {
  if (ms < 1) return `${Number(ms.toPrecision(3))} ms`;
  if (ms < S) return `${Number(ms.toFixed(1))} ms`;
  if (ms < MIN) return `${Number((ms / S).toFixed(2))} s`;
  return duration(ms).replace(' 0 s', '').replace(' 0 min', '');
}

export function barOf(fromMs: number, tookMs: number, lengthMs: number): Bar {
  if (!(lengthMs > 0)) return { left: 0, width: 1 };
  const left = clamp(fromMs / lengthMs);
  return { left, width: Math.min(clamp(tookMs / lengthMs), 1 - left) };
}

function clamp(share: number): number {
  return Number.isFinite(share) ? Math.min(Math.max(share, 0), 1) : 0;
}
