import { Alert, SimpleGrid } from '@mantine/core';
import { queryOptions, useQuery } from '@tanstack/react-query';
import { api, type Schemas, take } from '@/api/client';
import { sentence } from '@/api/problem';
import { Money } from '@/ui/Money';
import { Stat } from '@/ui/Stat';
import { Failed } from '@/ui/states';
import { Tokens } from '@/ui/Tokens';
import { When } from '@/ui/When';
import { Section } from '../Section';
import { DeadLetters } from './DeadLetters';

const EVERY_MS = 15_000;

const usageQuery = queryOptions({
  queryKey: ['settings', 'billing', 'usage'],
  queryFn: ({ signal }) => take(api.GET('/v1/billing/usage', { signal })),
  refetchInterval: EVERY_MS,
});

export default function BillingSection() {
  const { data, error, refetch } = useQuery(usageQuery);
  const loading = data === undefined;
  return (
    <Section id="billing">
      {error !== null && loading && <Failed error={error} again={() => void refetch()} />}
      {data !== undefined && !data.has_account && (
        <Alert color="gray" title="No account at Stripe">
          Usage waits until there is one. It is made in the background where this installation bills through
          Stripe; without Stripe nothing is ever sent, and nothing is lost.
        </Alert>
      )}
      {data?.error != null && (
        <Alert color="red" title="The last sending ended early">
          {sentence(data.error)}
        </Alert>
      )}
      {(error === null || !loading) && <Amounts usage={data} />}
      <DeadLetters />
    </Section>
  );
}

function Amounts({ usage: data }: { usage: Schemas['UsageOut'] | undefined }) {
  const loading = data === undefined;
  return (
    <SimpleGrid cols={{ base: 1, xs: 3 }}>
      <Stat
        label="Waiting"
        loading={loading}
        note={
          data?.oldest_waiting_at == null ? (
            'Nothing is held up'
          ) : (
            <>
              since <When at={data.oldest_waiting_at} />
            </>
          )
        }
      >
        <Money usd={data?.waiting.usd ?? null} />
      </Stat>
      <Stat label="Sent" loading={loading} note={<Events of={data?.sent.events ?? 0} />}>
        <Money usd={data?.sent.usd ?? null} />
      </Stat>
      <Stat label="Not counted" loading={loading} note={<Events of={data?.dead.events ?? 0} />}>
        <Money usd={data?.dead.usd ?? null} />
      </Stat>
    </SimpleGrid>
  );
}

function Events({ of }: { of: number }) {
  return (
    <>
      <Tokens of={of} /> {of === 1 ? 'event' : 'events'}
    </>
  );
}
