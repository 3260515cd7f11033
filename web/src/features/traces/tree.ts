/** Spans as a tree, whatever they say of their parents: gone, circular, twice, later than their children. Pure. */

import type { Schemas } from '@/api/client';

export type Span = Schemas['SpanOut'];

/** Why a span stands where its parent should: it has none, or its parent is not here, or is among its own children. */
export type Standing = 'root' | 'child' | 'orphan' | 'circle';

export type Node = {
  /** Of this trace; the span's id but for a second span with the same one. */
  id: string;
  span: Span;
  parent: Node | null;
  children: Node[];
  standing: Standing;
  depth: number;
  /** All below it. */
  below: number;
  /** Milliseconds after the trace began, and how long; never negative. */
  fromMs: number;
  tookMs: number;
  /** Said to have ended before it began. */
  backwards: boolean;
  /** By how much it begins before its parent, or ends after it: clocks differ, or it was not waited for. */
  earlyMs: number;
  lateMs: number;
  /** It or something below it failed. */
  failing: boolean;
};

export type Tree = {
  roots: Node[];
  byId: ReadonlyMap<string, Node>;
  /** From the first beginning to the last end. */
  lengthMs: number;
  deepest: number;
  orphans: number;
  circles: number;
};

const NS_PER_MS = 1e6;
/** Parents and children read the same clock to some microseconds. */
const NOTABLE_MS = 1;

export function treeOf(spans: readonly Span[]): Tree {
  const byId = new Map<string, Node>();
  const origin = spans.reduce(
    (least, span) => min(least, nanos(span.start_ns)),
    nanos(spans[0]?.start_ns ?? '0'),
  );
  for (const span of spans) {
    const node = nodeOf(span, origin, byId.has(span.span_id) ? `${span.span_id}-otlp` : span.span_id);
    if (!byId.has(node.id)) byId.set(node.id, node);
  }
  const nodes = [...byId.values()];
  for (const node of nodes) adopt(node, byId);
  const inCircles = breakCircles(nodes);
  const roots = nodes.filter((node) => node.parent === null).sort(byStart);
  for (const root of roots) settle(root);
  const lengthMs = nodes.reduce((most, node) => Math.max(most, node.fromMs + node.tookMs), 0);
  const deepest = nodes.reduce((most, node) => Math.max(most, node.depth), 0);
  const orphans = roots.filter((root) => root.standing === 'orphan').length;
  return { roots, byId, lengthMs, deepest, orphans, circles: inCircles };
}

function nodeOf(span: Span, origin: bigint, id: string): Node {
  const start = nanos(span.start_ns);
  const took = Number(nanos(span.end_ns) - start) / NS_PER_MS;
  return {
    id,
    span,
    parent: null,
    children: [],
    standing: span.parent_span_id === null ? 'root' : 'orphan',
    depth: 0,
    below: 0,
    fromMs: Number(start - origin) / NS_PER_MS,
    tookMs: Math.max(took, 0),
    backwards: took < 0 || span.attributes['tollhouse.span.ended_before_start'] === true,
    earlyMs: 0,
    lateMs: 0,
    failing: span.status === 'error',
  };
}

function adopt(node: Node, byId: ReadonlyMap<string, Node>): void {
  const wanted = node.span.parent_span_id;
  if (wanted === null) return;
  if (wanted === node.span.span_id) {
    node.standing = 'circle';
    return;
  }
  const parent = byId.get(wanted);
  if (parent === undefined || parent === node) return;
  node.parent = parent;
  node.standing = 'child';
  parent.children.push(node);
}

/** Each circle is opened where it begins earliest, so that every span is shown once. */
function breakCircles(nodes: readonly Node[]): number {
  const safe = new Set<Node>();
  let found = nodes.filter((node) => node.standing === 'circle').length;
  for (const node of nodes) {
    const path = new Set<Node>();
    let at: Node | null = node;
    while (at !== null && !safe.has(at) && !path.has(at)) {
      path.add(at);
      at = at.parent;
    }
    if (at !== null && path.has(at)) {
      found++;
      release(circleOf(at).reduce((first, each) => (byStart(each, first) < 0 ? each : first)));
    }
    for (const each of path) safe.add(each);
  }
  return found;
}

function circleOf(start: Node): Node[] {
  const circle = [start];
  for (let at = start.parent; at !== null && at !== start; at = at.parent) circle.push(at);
  return circle;
}

function release(node: Node): void {
  const siblings = node.parent?.children;
  siblings?.splice(siblings.indexOf(node), 1);
  node.parent = null;
  node.standing = 'circle';
}

/** Depths, orders and sums below a root. No recursion: a chain may be thousands long. */
function settle(root: Node): void {
  const order: Node[] = [root];
  for (let at = 0; at < order.length; at++) {
    const node = order[at];
    if (node === undefined) break;
    node.children.sort(byStart);
    for (const child of node.children) {
      child.depth = node.depth + 1;
      child.earlyMs = notable(node.fromMs - child.fromMs);
      child.lateMs = notable(child.fromMs + child.tookMs - node.fromMs - node.tookMs);
      order.push(child);
    }
  }
  for (const node of order.reverse()) {
    if (node.parent === null) continue;
    node.parent.below += node.below + 1;
    node.parent.failing ||= node.failing;
  }
}

/** Rows in the order in which they are shown, without what is below closed ones. */
export function rowsOf(tree: Tree, closed: ReadonlySet<string>): Node[] {
  const rows: Node[] = [];
  const next = [...tree.roots].reverse();
  for (let node = next.pop(); node !== undefined; node = next.pop()) {
    rows.push(node);
    if (!closed.has(node.id)) {
      for (let at = node.children.length - 1; at >= 0; at--) {
        const child = node.children[at];
        if (child !== undefined) next.push(child);
      }
    }
  }
  return rows;
}

/** Those above a node, which must be open for it to be seen. */
export function above(node: Node): string[] {
  const ids: string[] = [];
  for (let at = node.parent; at !== null; at = at.parent) ids.push(at.id);
  return ids;
}

function byStart(a: Node, b: Node): number {
  return a.fromMs - b.fromMs || (a.id < b.id ? -1 : 1);
}

function notable(ms: number): number {
  return ms > NOTABLE_MS ? ms : 0;
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

/** Nanoseconds since 1970 are more than a number can hold exactly. */
function nanos(text: string): bigint {
  return /^-?\d{1,20}$/.test(text) ? BigInt(text) : 0n;
}
