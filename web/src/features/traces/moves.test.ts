import { describe, expect, it } from 'vitest';
import { kindOf } from './kinds';
import { moved } from './moves';
import type { Node } from './tree';

const root = { id: 'a', parent: null, children: [{}] } as unknown as Node;
const child = { id: 'b', parent: root, children: [] as Node[] } as unknown as Node;
const rows = [root, child];
const none = new Set<string>();

describe('keys in the tree', () => {
  it('walk, open and close as in any tree', () => {
    expect(moved('ArrowDown', rows, 0, none)).toEqual({ kind: 'choose', id: 'b' });
    expect(moved('ArrowDown', rows, 1, none)).toBeNull();
    expect(moved('Home', rows, 1, none)).toEqual({ kind: 'choose', id: 'a' });
    expect(moved('ArrowLeft', rows, 0, none)).toEqual({ kind: 'toggle', id: 'a' });
    expect(moved('ArrowLeft', rows, 1, none)).toEqual({ kind: 'choose', id: 'a' });
    expect(moved('ArrowRight', [root], 0, new Set(['a']))).toEqual({ kind: 'toggle', id: 'a' });
    expect(moved('ArrowRight', rows, 0, none)).toEqual({ kind: 'choose', id: 'b' });
    expect(moved('ArrowLeft', rows, -1, none)).toBeNull();
    expect(moved('x', rows, 0, none)).toBeNull();
  });
});

describe('kinds of spans', () => {
  const kind = (name: string, attributes = {}, counted = false) =>
    kindOf({ name, attributes, counted, kind: 1 });

  it('are told by what is said, else by the name', () => {
    expect(kind('x', {}, true)).toBe('call');
    expect(kind('x', { 'gen_ai.operation.name': 'execute_tool' })).toBe('tool');
    expect(kind('x', { 'openinference.span.kind': 'AGENT' })).toBe('agent');
    expect(kind('SELECT users')).toBe('database');
    expect(kind('GET /')).toBe('request');
    expect(kind('execute_tool read')).toBe('tool');
    expect(kind('anything')).toBe('step');
    expect(kind('x', { 'gen_ai.operation.name': 7 })).toBe('step');
  });
});
