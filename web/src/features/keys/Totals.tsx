import { SimpleGrid } from '@mantine/core';
import { Money } from '@/ui/Money';
import { count } from '@/ui/numbers';
import { Stat } from '@/ui/Stat';
import type { Totals as Summed } from './queries';

/** What the keys that were found come to. */
export function Totals({ totals, narrowed }: { totals: Summed | undefined; narrowed: boolean }) {
  const loading = totals === undefined;
  const states = totals?.by_state ?? {};
  const spent = states.exhausted ?? 0;
  const off = (states.disabled ?? 0) + (states.expired ?? 0);
  return (
    <SimpleGrid cols={{ base: 2, sm: 4 }} spacing="md" mb="lg">
      <Stat label="Total spend" loading={loading} note="each since its budget began anew">
        <Money usd={totals?.spend_usd ?? null} />
      </Stat>
      <Stat label="Number of keys" loading={loading} note={narrowed ? 'that match' : 'in all'}>
        {count(totals?.keys ?? 0)}
      </Stat>
      <Stat
        label="Out of budget"
        loading={loading}
        note={spent === 0 ? 'no key is' : 'their calls are refused'}
      >
        {count(spent)}
      </Stat>
      <Stat
        label="Disabled or expired"
        loading={loading}
        note={off === 0 ? 'no key is' : 'their calls are refused'}
      >
        {count(off)}
      </Stat>
    </SimpleGrid>
  );
}
