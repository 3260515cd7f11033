import { SimpleGrid } from '@mantine/core';
import type { ReactNode } from 'react';
import type { Schemas } from '@/api/client';
import { Money } from '@/ui/Money';
import { count, duration, percent, usd } from '@/ui/numbers';
import { Stat } from '@/ui/Stat';
import { Tokens } from '@/ui/Tokens';
import { spanName } from '@/ui/timeRange';
import { useNow } from '@/ui/useNow';
import { Delta } from './Delta';

type Overview = Schemas['OverviewOut'];
type Measures = Schemas['MeasuresOut'];

type Card = {
  label: string;
  value: (of: Measures) => number | null;
  shown: (of: Measures) => ReactNode;
  told: (of: Measures) => string;
  worse?: boolean;
  words?: readonly [more: string, less: string];
};

const CARDS: readonly Card[] = [
  {
    label: 'Spend',
    value: (of) => of.cost_nanos,
    shown: (of) => <Money usd={of.cost_usd} />,
    told: (of) => usd(of.cost_usd),
  },
  {
    label: 'Calls',
    value: (of) => of.calls,
    shown: (of) => <Tokens of={of.calls} />,
    told: (of) => count(of.calls),
  },
  {
    label: 'Tokens',
    value: tokensOf,
    shown: (of) => <Tokens of={tokensOf(of)} />,
    told: (of) => count(tokensOf(of)),
  },
  {
    label: 'Error rate',
    value: (of) => of.error_rate,
    shown: (of) => (of.error_rate === null ? '–' : percent(of.error_rate)),
    told: (of) => (of.error_rate === null ? 'no calls' : percent(of.error_rate)),
    worse: true,
    words: ['higher', 'lower'],
  },
  latency('Latency p50', (of) => of.p50_ms),
  latency('Latency p95', (of) => of.p95_ms),
];

function latency(label: string, value: (of: Measures) => number | null): Card {
  const told = (of: Measures) => {
    const ms = value(of);
    return ms === null ? '–' : duration(ms);
  };
  return { label, value, shown: told, told, worse: true, words: ['slower', 'faster'] };
}

function tokensOf({ tokens }: Measures): number {
  return tokens.input + tokens.output;
}

/** The sums of the time, each with what it was in the time before; if nothing happened then, nothing is said of it. */
export function Totals({ overview }: { overview: Overview | undefined }) {
  const now = useNow();
  return (
    <SimpleGrid cols={{ base: 2, sm: 3, xl: 6 }} spacing="md">
      {CARDS.map(({ label, value, shown, told, ...feel }) => (
        <Stat
          key={label}
          label={label}
          loading={overview === undefined}
          note={
            overview &&
            overview.before.calls > 0 && (
              <Delta
                now={value(overview.totals)}
                before={value(overview.before)}
                told={`${told(overview.before)} in the time before: ${spanName(beforeOf(overview), now)}`}
                {...feel}
              />
            )
          }
        >
          {overview && shown(overview.totals)}
        </Stat>
      ))}
    </SimpleGrid>
  );
}

function beforeOf({ period }: Overview): { since: string; until: string } {
  const since = new Date(period.since).getTime();
  const length = new Date(period.until).getTime() - since;
  return { since: new Date(since - length).toISOString(), until: period.since };
}
