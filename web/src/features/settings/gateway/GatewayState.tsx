import { Alert, Box, Button, Code, Group } from '@mantine/core';
import { IconTool } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, take } from '@/api/client';
import { Copy } from '@/ui/Copy';
import { done, failed } from '@/ui/notices';
import { StateDot } from '@/ui/Pill';
import { Term } from '@/ui/Term';
import { type Customer, customerQuery } from '../customer';
import { Card } from '../Section';

const STATES = {
  ready: { label: 'Ready', colour: 'pine', means: 'Calls go through it.' },
  pending: {
    label: 'Being made',
    colour: 'yellow',
    means: 'It is made in the background; calls wait for it.',
  },
  failed: {
    label: 'Failed',
    colour: 'red',
    means: 'Calls are refused with 503 until it is there. Tollhouse tries again by itself.',
  },
  none: {
    label: 'None',
    colour: 'gray',
    means: 'This installation makes no gateways: its operator has not set up Cloudflare.',
  },
} as const;

export function GatewayState({ customer, admin }: { customer: Customer; admin: boolean }) {
  const state = STATES[customer.gateway_state];
  const client = useQueryClient();
  const repair = useMutation({
    mutationFn: () => take(api.POST('/v1/customers/me/gateway')),
    onSuccess: () => done('The gateway is ready'),
    onError: (error) => failed(error, 'The gateway could not be made'),
    onSettled: () => client.invalidateQueries({ queryKey: customerQuery.queryKey }),
  });
  return (
    <Card
      title="Cloudflare AI Gateway"
      about={state.means}
      actions={
        admin &&
        customer.gateway_state !== 'ready' && (
          <Button
            leftSection={<IconTool size={16} aria-hidden />}
            loading={repair.isPending}
            onClick={() => repair.mutate()}
          >
            Repair now
          </Button>
        )
      }
    >
      <Box>
        <Term name="State">
          <StateDot colour={state.colour}>{state.label}</StateDot>
        </Term>
        <Term name="Gateway id">
          {customer.cf_gateway_id === null ? (
            'None yet'
          ) : (
            <Group gap={4} wrap="nowrap">
              <Code style={{ overflowWrap: 'anywhere' }}>{customer.cf_gateway_id}</Code>
              <Copy text={customer.cf_gateway_id} what="gateway id" />
            </Group>
          )}
        </Term>
        <Term name="Attempts">{customer.gateway_attempts}</Term>
      </Box>
      {customer.gateway_error !== null && (
        <Alert
          color={customer.gateway_state === 'ready' ? 'gray' : 'red'}
          title="What Cloudflare said to the last try"
        >
          <Code block style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
            {customer.gateway_error}
          </Code>
        </Alert>
      )}
    </Card>
  );
}
