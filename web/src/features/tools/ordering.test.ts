import { describe, expect, it } from 'vitest';
import { monogram, ordered, type Tool } from './ordering';
import { toolsSearch } from './search';

function tool(name: string, given: Partial<Tool> = {}): Tool {
  return {
    vendor: 'somebody',
    tool: name,
    version: null,
    first_seen_at: '2026-05-01T00:00:00Z',
    last_seen_at: '2026-05-01T00:00:00Z',
    spans: 1,
    calls: 1,
    input_tokens: 0,
    output_tokens: 0,
    users: 1,
    ...given,
  };
}

describe('tools', () => {
  it('are ordered by what was chosen, up and down', () => {
    const tools = [tool('b', { calls: 5 }), tool('A', { calls: 9 }), tool('c', { calls: 5 })];
    expect(ordered(tools, '-calls').map((each) => each.tool)).toEqual(['A', 'b', 'c']);
    expect(ordered(tools, 'tool').map((each) => each.tool)).toEqual(['A', 'b', 'c']);
    expect(ordered(tools, '-tool').map((each) => each.tool)).toEqual(['c', 'b', 'A']);
  });

  it.each([
    ['claude-code', 'CC'],
    ['codex_cli_rs', 'CC'],
    ['cursor', 'Cu'],
    ['AI SDK', 'AS'],
    ['<script>', 'Sc'],
    ['--', '?'],
  ])('%s is %s for short', (name, short) => {
    expect(monogram(name)).toBe(short);
  });
});

it('an address has an order that is one', () => {
  expect(toolsSearch({ sort: '-calls' })).toEqual({ sort: '-calls' });
  expect(toolsSearch({ sort: 'cost' })).toEqual({});
});
