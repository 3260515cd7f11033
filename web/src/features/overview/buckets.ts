/** A histogram of durations as it is drawn: the API's many fine buckets, several of them together. Pure. */

export type Bucket = { most_ms: number; calls: number };
export type Bar = { from_ms: number; most_ms: number; calls: number };

export const MOST_BARS = 24;

/** The API leaves out empty buckets at both ends, and those between grow by the same factor each. */
export function barsOf(buckets: readonly Bucket[]): Bar[] {
  const last = buckets.findLastIndex((bucket) => bucket.calls > 0);
  const told = buckets.slice(0, last + 1);
  const together = Math.max(1, Math.ceil(told.length / MOST_BARS));
  const bars: Bar[] = [];
  for (let at = 0; at < told.length; at += together) {
    const part = told.slice(at, at + together);
    const most_ms = part.at(-1)?.most_ms ?? 0;
    const calls = part.reduce((all, bucket) => all + bucket.calls, 0);
    bars.push({ from_ms: bars.at(-1)?.most_ms ?? 0, most_ms, calls });
  }
  return bars;
}
