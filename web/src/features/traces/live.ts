/** Newer traces above those on the page, without anything moving under the eyes of who reads. Pure. */

import type { Schemas } from '@/api/client';

export type Trace = Schemas['TraceOut'];
export type Page = Schemas['TracePageOut'];

/** Heard by polls: by trace, as last told. */
export type Heard = ReadonlyMap<string, Trace>;

export function hear(heard: Heard, fresh: readonly Trace[]): Heard {
  return fresh.length === 0
    ? heard
    : new Map([...heard, ...fresh.map((trace) => [trace.trace_id, trace] as const)]);
}

/** Rows as they are shown, and those that wait: heard of, neither loaded with the page nor let in yet. */
export function arranged(loaded: readonly Trace[], heard: Heard, letIn: ReadonlySet<string>) {
  const known = new Set(loaded.map((trace) => trace.trace_id));
  const later = [...heard.values()].filter((trace) => !known.has(trace.trace_id)).sort(newestFirst);
  return {
    rows: [
      ...later.filter((trace) => letIn.has(trace.trace_id)),
      ...loaded.map((trace) => heard.get(trace.trace_id) ?? trace),
    ],
    waiting: later.filter((trace) => !letIn.has(trace.trace_id)),
  };
}

function newestFirst(a: Trace, b: Trace): number {
  return a.started_at < b.started_at ? 1 : a.started_at > b.started_at ? -1 : 0;
}

/** Pages overlap when a trace got a newer span in between: it stays where it was first. */
export function distinct(pages: readonly Page[]): Trace[] {
  const seen = new Map<string, Trace>();
  for (const page of pages) {
    for (const trace of page.traces) if (!seen.has(trace.trace_id)) seen.set(trace.trace_id, trace);
  }
  return [...seen.values()];
}

/** What comes after the pages there are: `load` when the last one was full, or when it was cut short and few were so
 *  far, so that a search for something rare goes on by itself only for a while; then `ask`. */
export function following(
  pages: readonly Page[],
  full: number,
  patience: number,
  asked: number,
): 'load' | 'ask' | 'end' {
  const last = pages.at(-1);
  if (last === undefined || last.next_cursor === null) return 'end';
  let short = 0;
  for (let at = pages.length - 1; at >= asked && (pages[at]?.traces.length ?? 0) < full; at--) short++;
  return short >= patience ? 'ask' : 'load';
}

/** The length of the bar: a share of the longest but for the few that would dwarf the others. */
export function barScale(traces: readonly Trace[]): number {
  const sorted = traces.map((trace) => trace.duration_ms).sort((a, b) => a - b);
  return Math.max(sorted[Math.floor((sorted.length - 1) * 0.95)] ?? 0, 1);
}
