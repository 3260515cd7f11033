import { SimpleGrid, Text } from '@mantine/core';
import type { Schemas } from '@/api/client';
import { Money } from '@/ui/Money';
import { Panel } from '@/ui/Panel';

/** Two kinds of money that are never added up. Only where spans told of any. */
export function ReportedPanel({ totals }: { totals: Schemas['MeasuresOut'] }) {
  if (totals.reported_cost_nanos === 0) return null;
  return (
    <Panel title="Metered and reported">
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="xl">
        <Side usd={totals.cost_usd} name="Metered by Tollhouse">
          Calls that went through Tollhouse, at its price table. This is what budgets count and what is
          billed.
        </Side>
        <Side usd={totals.reported_cost_usd} name="Reported by spans">
          What other tools say that their calls cost, in spans they sent. It is taken at their word, counts in
          no budget and is billed to nobody.
        </Side>
      </SimpleGrid>
    </Panel>
  );
}

function Side({ usd, name, children }: { usd: string; name: string; children: string }) {
  return (
    <div>
      <Text size="sm" c="dimmed">
        {name}
      </Text>
      <Text fz={22} fw={600} className="number" component="div">
        <Money usd={usd} />
      </Text>
      <Text size="sm" c="dimmed" maw={520}>
        {children}
      </Text>
    </div>
  );
}
