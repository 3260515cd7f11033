/** The order of tools, and how they are told apart at a glance. Pure. */

import type { Schemas } from '@/api/client';

type Profile = Schemas['ToolOut'];

/** What all profiles of a tool come to: our spans of its calls, and those that it sends itself. */
export type Tool = Omit<Profile, 'vendor' | 'tool_users'> & { vendors: readonly string[] };

const COLUMNS = ['tool', 'first_seen', 'last_seen', 'users', 'calls', 'tokens'] as const;
type Column = (typeof COLUMNS)[number];

/** `-name` is from the greatest down. */
export type Order = Column | `-${Column}`;
export const ORDERS: readonly Order[] = COLUMNS.flatMap((column): Order[] => [column, `-${column}`]);

const KEYS: Record<Column, (tool: Tool) => string | number> = {
  tool: (tool) => tool.tool.toLowerCase(),
  first_seen: (tool) => new Date(tool.first_seen_at).getTime(),
  last_seen: (tool) => new Date(tool.last_seen_at).getTime(),
  users: (tool) => tool.users,
  calls: (tool) => tool.calls,
  tokens: tokensOf,
};

export function tokensOf(tool: Tool): number {
  return tool.input_tokens + tool.output_tokens;
}

export function ordered(tools: readonly Tool[], order: Order): Tool[] {
  const down = order.startsWith('-');
  const key = KEYS[COLUMNS.find((column) => column === order.replace('-', '')) ?? 'last_seen'];
  const sign = down ? -1 : 1;
  return [...tools].sort((one, other) => {
    const [a, b] = [key(one), key(other)];
    return (a < b ? -1 : a > b ? 1 : 0) * sign || one.tool.localeCompare(other.tool);
  });
}

/** The vendor of spans that Tollhouse makes of calls through it. */
const OURS = 'tollhouse';

/** One row for each tool, by its name; who vouches for it beside us first. */
export function merged(profiles: readonly Profile[]): Tool[] {
  const tools = new Map<string, Tool>();
  for (const { vendor, tool_users, ...profile } of profiles) {
    const own = { ...profile, users: tool_users, vendors: vendor === OURS ? [] : [vendor] };
    const there = tools.get(profile.tool);
    tools.set(profile.tool, there === undefined ? own : both(there, own));
  }
  return [...tools.values()];
}

function both(one: Tool, other: Tool): Tool {
  return {
    ...one,
    vendors: [...one.vendors, ...other.vendors],
    version: one.version ?? other.version,
    first_seen_at: earlier(one.first_seen_at, other.first_seen_at) ? one.first_seen_at : other.first_seen_at,
    last_seen_at: earlier(one.last_seen_at, other.last_seen_at) ? other.last_seen_at : one.last_seen_at,
    spans: one.spans + other.spans,
    calls: one.calls + other.calls,
    input_tokens: one.input_tokens + other.input_tokens,
    output_tokens: one.output_tokens + other.output_tokens,
  };
}

function earlier(one: string, other: string): boolean {
  return new Date(one) < new Date(other);
}

/** One or two letters: `claude-code` is CC, `cursor` is Cu. */
export function monogram(name: string): string {
  const words = name.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== '');
  const [first = '?', second] = words;
  const letters = second === undefined ? [...first].slice(0, 2) : [[...first][0], [...second][0]];
  const text = letters.join('');
  return second === undefined ? text.charAt(0).toUpperCase() + text.slice(1) : text.toUpperCase();
}
