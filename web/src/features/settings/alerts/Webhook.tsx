import { Alert, Button, Group, Skeleton, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconBellPlus } from '@tabler/icons-react';
import { queryOptions, useQuery } from '@tanstack/react-query';
import { api, type Schemas, take } from '@/api/client';
import { sentence } from '@/api/problem';
import { lazily } from '@/ui/lazily';
import { done, failed } from '@/ui/notices';
import { StateDot } from '@/ui/Pill';
import { Failed } from '@/ui/states';
import { Term } from '@/ui/Term';
import { When } from '@/ui/When';
import { useChange } from '../customer';
import { notDelivered } from '../delivery';
import { Card } from '../Section';

const Confirm = lazily(() => import('@/ui/Confirm'), 'Confirm');
const WebhookModal = lazily(() => import('./WebhookModal'), 'WebhookModal');

type Hook = Schemas['WebhookOut'];

const webhookQuery = queryOptions({
  queryKey: ['settings', 'webhook'],
  queryFn: async ({ signal }) => (await take(api.GET('/v1/customers/me/webhook', { signal }))).webhook,
});

export function Webhook() {
  const { data, error, refetch } = useQuery(webhookQuery);
  const [setting, set] = useDisclosure();
  return (
    <Card title="Webhook" about="One address that gets a POST when spending crosses a threshold.">
      {error !== null && data === undefined && <Failed error={error} again={() => void refetch()} />}
      {error === null && data === undefined && <Skeleton h={36} w={160} />}
      {data === null && (
        <Group>
          <Button leftSection={<IconBellPlus size={16} aria-hidden />} onClick={set.open}>
            Set a webhook
          </Button>
        </Group>
      )}
      {data !== null && data !== undefined && <Shown hook={data} change={set.open} />}
      {setting && <WebhookModal url={data?.url ?? ''} close={set.close} />}
    </Card>
  );
}

function Shown({ hook, change }: { hook: Hook; change: () => void }) {
  const [rotating, rotate] = useDisclosure();
  const [removing, remove] = useDisclosure();
  return (
    <Stack gap="sm">
      <div>
        <Term name="Address">{hook.url}</Term>
        <Term name="Last try">
          <LastTry hook={hook} />
        </Term>
      </div>
      {hook.last_error !== null && (
        <Alert color="red" title="The last event did not arrive">
          {sentence(hook.last_error)}
        </Alert>
      )}
      <Group gap="sm">
        <TestNow />
        <Button variant="default" size="xs" onClick={change}>
          Change address
        </Button>
        <Button variant="default" size="xs" onClick={rotate.open}>
          New secret
        </Button>
        <Button variant="subtle" color="red" size="xs" onClick={remove.open}>
          Remove
        </Button>
      </Group>
      {rotating && <WebhookModal url={hook.url} rotate close={rotate.close} />}
      {removing && <Remove close={remove.close} />}
    </Stack>
  );
}

function LastTry({ hook }: { hook: Hook }) {
  if (hook.last_tried_at === null)
    return (
      <Text inherit c="dimmed" span>
        None yet
      </Text>
    );
  return (
    <Group gap="xs">
      <StateDot colour={hook.last_error === null ? 'pine' : 'red'}>
        {hook.last_error === null ? 'Arrived' : 'Failed'}
        {hook.last_status !== null && ` · ${hook.last_status}`}
      </StateDot>
      <When at={hook.last_tried_at} />
    </Group>
  );
}

function TestNow() {
  const test = useChange('webhook', () => take(api.POST('/v1/customers/me/webhook/test')));
  return (
    <Button
      variant="default"
      size="xs"
      loading={test.isPending}
      onClick={() =>
        test.mutate(undefined, {
          onSuccess: ({ delivered, status, error }) => {
            if (delivered) done(`The receiver answered with ${status ?? 'yes'}`);
            else failed(notDelivered(status, error), 'It did not arrive');
          },
          onError: (error) => failed(error, 'Nothing was sent'),
        })
      }
    >
      Send a test event
    </Button>
  );
}

function Remove({ close }: { close: () => void }) {
  const remove = useChange('webhook', () => take(api.DELETE('/v1/customers/me/webhook')));
  return (
    <Confirm
      opened
      close={close}
      title="Remove the webhook?"
      verb="Remove webhook"
      busy={remove.isPending}
      error={remove.error}
      act={() =>
        remove.mutate(undefined, {
          onSuccess: () => {
            done('The webhook is removed');
            close();
          },
        })
      }
    >
      Nobody is told of crossed thresholds any more, and the secret is forgotten.
    </Confirm>
  );
}
