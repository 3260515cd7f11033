import { Button, Group, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useMutation } from '@tanstack/react-query';
import { api, take } from '@/api/client';
import { useLeave } from '@/api/leaving';
import { lazily } from '@/ui/lazily';
import type { Customer } from '../customer';
import { Card } from '../Section';

const Confirm = lazily(() => import('@/ui/Confirm'), 'Confirm');

export function DangerZone({ customer }: { customer: Customer }) {
  const [opened, { open, close }] = useDisclosure();
  const leave = useLeave();
  const end = useMutation({
    mutationFn: () =>
      leave(() => take(api.POST('/v1/customers/me/delete', { body: { name: customer.name } }))),
  });
  return (
    <Card title="Danger zone" danger>
      <Group justify="space-between" gap="sm">
        <Text size="sm" flex="1 1 300px">
          Delete {customer.name} with all its people, teams and keys.
        </Text>
        <Button variant="light" color="red" onClick={open}>
          Delete organisation
        </Button>
      </Group>
      {opened && (
        <Confirm
          opened
          close={close}
          title={`Delete ${customer.name}?`}
          verb="Delete organisation"
          typed={customer.name}
          busy={end.isPending}
          error={end.error}
          act={() => end.mutate()}
        >
          Every key stops working at once. People, teams, sessions and API tokens are deleted, and the gateway
          at Cloudflare is removed. The ledger, receipts, the audit log and invoices stay. This cannot be
          undone.
        </Confirm>
      )}
    </Card>
  );
}
