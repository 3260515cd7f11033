import { describe, expect, it } from 'vitest';
import { merged, monogram, ordered, type Tool } from './ordering';
import { toolsSearch } from './search';

function tool(name: string, given: Partial<Tool> = {}): Tool {
  return {
    vendors: ['somebody'],
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

  it('are one each, however many vouch for them', () => {
    const { vendors: _, ...same } = tool('claude-code', { calls: 3, first_seen_at: '2026-04-01T00:00:00Z' });
    const told = merged([
      { ...same, vendor: 'tollhouse', tool_users: 2, input_tokens: 5 },
      { ...same, vendor: 'anthropic', tool_users: 2, version: '2.1.0', last_seen_at: '2026-06-01T00:00:00Z' },
      { ...same, tool: 'curl', vendor: 'tollhouse', tool_users: 1 },
    ]);
    expect(told).toEqual([
      {
        ...same,
        vendors: ['anthropic'],
        version: '2.1.0',
        users: 2,
        spans: 2,
        calls: 6,
        input_tokens: 5,
        last_seen_at: '2026-06-01T00:00:00Z',
      },
      { ...same, tool: 'curl', vendors: [], users: 1 },
    ]);
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
