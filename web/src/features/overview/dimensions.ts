/** What calls are told apart by, and what is measured of them: their names in the API and for people. Pure. */

import type { Unit } from '@/ui/charts/series';

export const DIMENSIONS = ['model', 'provider', 'vendor', 'tool', 'user', 'team', 'key', 'source'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** Values of one dimension are alternatives, dimensions narrow each other. The empty value: calls that have none. */
export type Filters = { [dimension in Dimension]?: string[] | undefined };

export const DIMENSION_NAMES: Record<Dimension, { one: string; many: string }> = {
  model: { one: 'Model', many: 'Models' },
  provider: { one: 'Provider', many: 'Providers' },
  vendor: { one: 'Vendor', many: 'Vendors' },
  tool: { one: 'Tool', many: 'Tools' },
  user: { one: 'User', many: 'Users' },
  team: { one: 'Team', many: 'Teams' },
  key: { one: 'Key', many: 'Keys' },
  source: { one: 'Source', many: 'Sources' },
};

const SOURCES: Record<string, string> = { proxy: 'Through Tollhouse', otlp: 'Told by spans' };
const NAMED: ReadonlySet<Dimension> = new Set(['user', 'team', 'key']);
const SHORT_ID = 8;

/** What to call a value; `name` is what the API says people call it. */
export function nameOf(dimension: Dimension, value: string | null, name: string | null = null): string {
  if (value === null || value === '') return `No ${dimension}`;
  if (dimension === 'source') return SOURCES[value] ?? value;
  if (name !== null) return name;
  return NAMED.has(dimension) ? `Deleted ${dimension} ${value.slice(0, SHORT_ID)}` : value;
}

export const MEASURES = [
  'cost',
  'calls',
  'tokens',
  'errors',
  'error_rate',
  'p50',
  'p95',
  'p99',
  'input_tokens',
  'output_tokens',
  'cached_tokens',
  'reasoning_tokens',
  'reported_cost',
] as const;
export type Measure = (typeof MEASURES)[number];

export const MEASURE_NAMES: Record<Measure, string> = {
  cost: 'Spend',
  calls: 'Calls',
  tokens: 'Tokens',
  errors: 'Errors',
  error_rate: 'Error rate',
  p50: 'Latency p50',
  p95: 'Latency p95',
  p99: 'Latency p99',
  input_tokens: 'Input tokens',
  output_tokens: 'Output tokens',
  cached_tokens: 'Cached tokens',
  reasoning_tokens: 'Reasoning tokens',
  reported_cost: 'Reported cost',
};

/** Shares and durations are drawn as lines: those of parts are no parts of the whole. */
export function isSum(measure: Measure): boolean {
  return !['error_rate', 'p50', 'p95', 'p99'].includes(measure);
}

/** What lists are ordered by. */
export const RANKS = ['cost', 'calls', 'tokens', 'errors'] as const;
export type Rank = (typeof RANKS)[number];
export const RANK_UNITS: Record<Rank, Unit> = {
  cost: 'nano_usd',
  calls: 'calls',
  tokens: 'tokens',
  errors: 'calls',
};

export type Measured = {
  calls: number;
  errors: number;
  cost_nanos: number;
  reported_cost_nanos: number;
  tokens: { input: number; output: number };
};

export function rankOf(measured: Measured, rank: Rank): number {
  switch (rank) {
    case 'cost':
      return measured.cost_nanos;
    case 'calls':
      return measured.calls;
    case 'tokens':
      return measured.tokens.input + measured.tokens.output;
    case 'errors':
      return measured.errors;
  }
}
