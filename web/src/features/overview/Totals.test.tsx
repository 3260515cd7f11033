import { cleanup, screen, within } from '@testing-library/react';
import { afterEach, describe, expect, it } from 'vitest';
import type { Schemas } from '@/api/client';
import { show } from '@/ui/testing';
import { Totals } from './Totals';

type Measures = Schemas['MeasuresOut'];

function measures(given: Partial<Measures>): Measures {
  return {
    calls: 10,
    cost_nanos: 2_000_000_000,
    cost_usd: '2.000000000',
    error_rate: 0.1,
    errors: 1,
    p50_ms: 100,
    p95_ms: 200,
    p99_ms: 300,
    reported_cost_nanos: 0,
    reported_cost_usd: '0',
    tokens: { input: 5, output: 5, cached: 0, cache_write: 0, reasoning: 0 },
    ...given,
  };
}

function shown(before: Partial<Measures>) {
  const period = { since: '2026-05-08T00:00:00Z', until: '2026-05-15T00:00:00Z' };
  const overview = { period, totals: measures({}), before: measures(before), top: {} };
  show(<Totals overview={overview as Schemas['OverviewOut']} />);
  return (card: string) => within(screen.getByRole('region', { name: card }));
}

afterEach(cleanup);

describe('the sums of a time', () => {
  it('say in their own words how they changed', () => {
    const card = shown({ cost_nanos: 1_000_000_000, error_rate: 0.2, p50_ms: 50, p95_ms: 200 });
    card('Spend').getByText('100% more');
    card('Error rate').getByText('50% lower');
    card('Latency p50').getByText('100% slower');
    card('Latency p95').getByText('unchanged');
  });

  it('say nothing of a time before in which nothing happened', () => {
    const none = { calls: 0, cost_nanos: 0, error_rate: null, p50_ms: null, p95_ms: null };
    const card = shown(none);
    expect(card('Spend').queryByText('–')).toBeNull();
    expect(screen.queryByText(/more|lower|nothing/)).toBeNull();
  });

  it('have a dash where only they had nothing to compare with', () => {
    shown({ error_rate: 0 })('Error rate').getByText('–');
  });
});
