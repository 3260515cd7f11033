import { Alert, Button, Group, Loader, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, take } from '@/api/client';
import { isAdmin, type Me } from '@/api/me';
import { told } from '@/api/problem';
import { type Customer, customerQuery } from './queries';

/** The gateway makes itself; this says how far it is, and lets an admin try again at once. */
export function GatewayStep({ customer, me }: { customer: Customer; me: Me }) {
  if (customer.gateway_state === 'pending') {
    return (
      <Group gap="sm" wrap="nowrap">
        <Loader size="xs" aria-hidden />
        <Text size="sm">It is being made. That takes a few seconds, and this page notices by itself.</Text>
      </Group>
    );
  }
  if (!isAdmin(me)) {
    return (
      <Text size="sm">
        It is not ready, and calls would be refused. An admin of {customer.name} can repair it.
      </Text>
    );
  }
  return <Repair customer={customer} />;
}

const WHY = {
  none: 'Calls go through a gateway of your own at Cloudflare, which was not made yet.',
  failed: 'It could not be made. Tollhouse tries again by itself from time to time; you can have it try now.',
};

function Repair({ customer }: { customer: Customer }) {
  const client = useQueryClient();
  const repair = useMutation({
    mutationFn: () => take(api.POST('/v1/customers/me/gateway')),
    onSuccess: ({ customer: repaired }) => client.setQueryData(customerQuery.queryKey, repaired),
    onError: () => client.invalidateQueries(customerQuery),
  });
  const said = repair.error === null ? customer.gateway_error : told(repair.error);
  return (
    <>
      <Text size="sm">{customer.gateway_state === 'none' ? WHY.none : WHY.failed}</Text>
      {said !== null && (
        <Alert color="red" mt="sm" p="sm" title="What went wrong">
          <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
            {said}
          </Text>
        </Alert>
      )}
      <Button mt="md" size="sm" loading={repair.isPending} onClick={() => repair.mutate()}>
        {customer.gateway_state === 'none' ? 'Make the gateway' : 'Try again now'}
      </Button>
    </>
  );
}
