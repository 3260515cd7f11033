import { describe, expect, it } from 'vitest';
import { oddities } from './oddities';
import { above, rowsOf, type Span, treeOf } from './tree';

const BEGAN = 1_795_000_000_000_000_000n;

/** Times in milliseconds after the trace began. */
function aSpan(id: string, parent: string | null, from = 0, took = 10, more: Partial<Span> = {}): Span {
  const start = BEGAN + BigInt(Math.round(from * 1e6));
  return {
    trace_id: 'a'.repeat(32),
    span_id: id,
    parent_span_id: parent,
    name: id,
    kind: 1,
    start_ns: String(start),
    end_ns: String(start + BigInt(Math.round(took * 1e6))),
    status: 'unset',
    counted: false,
    source: 'otlp',
    vendor: 'acme',
    attributes: {},
    resource_attributes: {},
    ...more,
  } as Span;
}

const names = (spans: Span[], closed: string[] = []) =>
  rowsOf(treeOf(spans), new Set(closed)).map((node) => `${'.'.repeat(node.depth)}${node.id}`);

describe('a tree of spans', () => {
  it('stands in the order of time, children below their parents', () => {
    const spans = [aSpan('c', 'a', 5), aSpan('b', 'a', 1), aSpan('a', null), aSpan('d', 'b', 2)];
    expect(names(spans)).toEqual(['a', '.b', '..d', '.c']);
    expect(names(spans, ['b'])).toEqual(['a', '.b', '.c']);
  });

  it('knows nanoseconds, which numbers do not hold, and never a negative length', () => {
    const tree = treeOf([aSpan('a', null, 0, 1.000001), aSpan('b', 'a', 0.5, -3)]);
    expect(tree.byId.get('a')?.tookMs).toBeCloseTo(1.000001, 6);
    expect(tree.byId.get('b')).toMatchObject({ tookMs: 0, backwards: true, fromMs: 0.5 });
    expect(tree.lengthMs).toBeCloseTo(1.000001, 6);
  });

  it('keeps those whose parent is not here', () => {
    const tree = treeOf([aSpan('a', null), aSpan('b', 'gone', 1), aSpan('c', 'b', 2)]);
    expect(tree.orphans).toBe(1);
    expect(tree.roots.map((root) => [root.id, root.standing])).toEqual([
      ['a', 'root'],
      ['b', 'orphan'],
    ]);
    expect(names([aSpan('b', 'gone', 1), aSpan('c', 'b', 2)])).toEqual(['b', '.c']);
  });

  it('opens circles where they begin, and shows every span once', () => {
    const spans = [
      aSpan('a', 'c', 3),
      aSpan('b', 'a', 1),
      aSpan('c', 'b', 2),
      aSpan('d', 'c', 4),
      aSpan('e', 'e', 5),
    ];
    expect(names(spans)).toEqual(['b', '.c', '..a', '..d', 'e']);
    expect(treeOf(spans).circles).toBe(2);
  });

  it('holds two spans with the same id', () => {
    const tree = treeOf([
      aSpan('a', null, 0, 9, { source: 'proxy' }),
      aSpan('a', null, 1),
      aSpan('b', 'a', 2),
    ]);
    expect([...tree.byId.keys()]).toEqual(['a', 'a-otlp', 'b']);
    expect(tree.byId.get('b')?.parent?.id).toBe('a');
  });

  it('tells of clocks that differ, in words', () => {
    const tree = treeOf([aSpan('a', null, 100, 50), aSpan('b', 'a', 0, 20), aSpan('c', 'a', 140, 400)]);
    const early = tree.byId.get('b');
    expect(early).toMatchObject({ earlyMs: 100, fromMs: 0 });
    expect(tree.byId.get('c')).toMatchObject({ earlyMs: 0, lateMs: 390 });
    expect(early && oddities(early)[0]).toContain('100 ms before its parent');
  });

  it('says of closed spans how many are below them and whether one failed', () => {
    const tree = treeOf([aSpan('a', null), aSpan('b', 'a', 1), aSpan('c', 'b', 2, 1, { status: 'error' })]);
    expect(tree.byId.get('a')).toMatchObject({ below: 2, failing: true });
    const lowest = tree.byId.get('c');
    expect(lowest && above(lowest)).toEqual(['b', 'a']);
  });

  it('takes thousands, also as one long chain or one long circle, in little time', () => {
    const chain = Array.from({ length: 5_000 }, (_, n) => aSpan(`s${n}`, n === 0 ? null : `s${n - 1}`, n));
    const circle = chain.map((span, n) => (n === 0 ? aSpan('s0', 's4999', 0) : span));
    const began = performance.now();
    expect(treeOf(chain).byId.get('s4999')?.depth).toBe(4_999);
    expect(rowsOf(treeOf(circle), new Set())).toHaveLength(5_000);
    expect(performance.now() - began).toBeLessThan(1_000);
  });

  it('is not disturbed by what is no time', () => {
    const tree = treeOf([aSpan('a', null, 0, 1, { start_ns: 'x', end_ns: '' })]);
    expect(tree.lengthMs).toBe(0);
    expect(treeOf([]).roots).toEqual([]);
  });
});
