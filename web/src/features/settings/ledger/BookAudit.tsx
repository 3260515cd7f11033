import { Alert, Box, Button, List, Skeleton } from '@mantine/core';
import { IconCircleCheck, IconExclamationCircle, IconRefresh } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Money } from '@/ui/Money';
import { Failed } from '@/ui/states';
import { Term } from '@/ui/Term';
import { Tokens } from '@/ui/Tokens';
import { When } from '@/ui/When';
import { Card } from '../Section';
import { ledgerAuditQuery } from './queries';

/** What the book says of itself: nothing wrong, or exactly what. */
export function BookAudit() {
  const { data, error, refetch, isFetching } = useQuery(ledgerAuditQuery);
  return (
    <Card
      title="Is the book right?"
      about="Spent is the sum of the entries; nothing exceeds its limit; each call has one entry."
      actions={
        <Button
          variant="default"
          size="xs"
          leftSection={<IconRefresh size={14} aria-hidden />}
          loading={isFetching}
          onClick={() => void refetch()}
        >
          Look again
        </Button>
      }
    >
      {error !== null && data === undefined && <Failed error={error} again={() => void refetch()} />}
      {error === null && data === undefined && <Skeleton h={230} role="status" aria-label="Loading" />}
      {data !== undefined && (
        <>
          {data.breaches.length === 0 ? (
            <Alert color="pine" icon={<IconCircleCheck aria-hidden />} title="Nothing is wrong">
              Every rule of the ledger holds for your organisation.
            </Alert>
          ) : (
            <Alert
              color="red"
              icon={<IconExclamationCircle aria-hidden />}
              title="Something is in the book that must never be"
            >
              Tell whoever runs this installation, with these lines:
              <List size="sm" mt="xs">
                {data.breaches.map((breach) => (
                  <List.Item key={`${breach.budget_id} ${breach.period} ${breach.what}`}>
                    {breach.what}: {breach.amount_nanos} nano-dollars
                    {breach.budget_id !== null && `, budget ${breach.budget_id}`}
                    {breach.period !== null && `, period ${breach.period}`}
                  </List.Item>
                ))}
              </List>
            </Alert>
          )}
          <Box>
            <Term name="With workers now">
              <Money usd={data.leased_usd} /> in <Tokens of={data.leases} />{' '}
              {data.leases === 1 ? 'lease' : 'leases'}
            </Term>
            <Term name="In doubt">
              <Money usd={data.in_doubt_usd} />
              {data.doubtful_leases > 0 &&
                `, in ${data.doubtful_leases} leases of workers that are gone or silent`}
            </Term>
            <Term name="Records not taken">
              <Tokens of={data.letters} />
            </Term>
            <Term name="Complete up to">
              <When at={data.complete_to} style="second" none="Now: nobody holds money of yours" />
            </Term>
            <Term name="Sealed through">{data.sealed_through ?? 'No day yet'}</Term>
          </Box>
        </>
      )}
    </Card>
  );
}
