import { Alert, Button, Group, SimpleGrid, Switch, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { api, take } from '@/api/client';
import { sentence } from '@/api/problem';
import { lazily } from '@/ui/lazily';
import { done, failed } from '@/ui/notices';
import { StateDot } from '@/ui/Pill';
import { Tokens } from '@/ui/Tokens';
import { When } from '@/ui/When';
import { useChange } from '../customer';
import { notDelivered } from '../delivery';
import { Card } from '../Section';
import { type Exporter, healthOf } from './exporter';

const Confirm = lazily(() => import('@/ui/Confirm'), 'Confirm');

export function ExporterCard({ exporter, edit }: { exporter: Exporter; edit: () => void }) {
  const [removing, remove] = useDisclosure();
  const health = healthOf(exporter);
  const { progress } = exporter;
  return (
    <Card
      title={exporter.name}
      about={
        <Text inherit ff="monospace" fz="xs" style={{ overflowWrap: 'anywhere' }}>
          {exporter.url}
        </Text>
      }
      actions={
        <Group gap="sm">
          <StateDot colour={health.colour}>{health.label}</StateDot>
          <OnOff exporter={exporter} />
        </Group>
      }
    >
      <SimpleGrid cols={{ base: 2, xs: 4 }} spacing="md">
        <Figure name="Waiting">
          <Tokens of={progress.queued} />
        </Figure>
        <Figure name="Arrived">
          <Tokens of={progress.sent} />
        </Figure>
        <Figure name="Refused">
          <Tokens of={progress.refused} />
        </Figure>
        <Figure name="Given up">
          <Tokens of={progress.skipped} />
        </Figure>
      </SimpleGrid>
      {progress.failures > 0 && (
        <Alert color="red" title={`${progress.failures} tries in a row went wrong`}>
          <Text size="sm">
            {sentence(progress.last_error ?? 'the receiver did not say why')} Last try{' '}
            <When at={progress.last_failure_at} />, next one <When at={progress.next_try_at} />.
          </Text>
        </Alert>
      )}
      <Group justify="space-between" gap="sm">
        <Text size="xs" c="dimmed">
          {exporter.encoding === 'protobuf' ? 'Protobuf' : 'JSON'},{' '}
          {exporter.compression === 'gzip' ? 'packed' : 'not packed'}
          {exporter.header_names.length > 0 && `, with ${exporter.header_names.join(', ')}`}. Last arrived{' '}
          <When at={progress.last_success_at} none="never" />.
        </Text>
        <Group gap={4}>
          <TestNow exporter={exporter} />
          <Button size="compact-sm" variant="subtle" onClick={edit} aria-label={`Edit ${exporter.name}`}>
            Edit
          </Button>
          <Button
            size="compact-sm"
            variant="subtle"
            color="red"
            onClick={remove.open}
            aria-label={`Delete ${exporter.name}`}
          >
            Delete
          </Button>
        </Group>
      </Group>
      {removing && <Remove exporter={exporter} close={remove.close} />}
    </Card>
  );
}

function Figure({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <Text size="xs" c="dimmed">
        {name}
      </Text>
      <Text fw={600} component="div">
        {children}
      </Text>
    </div>
  );
}

function OnOff({ exporter }: { exporter: Exporter }) {
  const change = useChange('exporters', (enabled: boolean) =>
    take(
      api.PATCH('/v1/customers/me/trace-exporters/{exporter_id}', {
        params: { path: { exporter_id: exporter.id } },
        body: { enabled },
      }),
    ),
  );
  const enabled = change.isPending ? change.variables : exporter.enabled;
  return (
    <Switch
      checked={enabled}
      aria-label={`Send to ${exporter.name}`}
      onChange={(event) => change.mutate(event.currentTarget.checked, { onError: (error) => failed(error) })}
    />
  );
}

function TestNow({ exporter }: { exporter: Exporter }) {
  const client = useQueryClient();
  const test = useMutation({
    mutationFn: () =>
      take(
        api.POST('/v1/customers/me/trace-exporters/{exporter_id}/test', {
          params: { path: { exporter_id: exporter.id } },
        }),
      ),
    onSuccess: ({ delivered, status, error }) => {
      if (delivered) done(`${exporter.name} took the test span${status === null ? '' : ` with ${status}`}`);
      else failed(notDelivered(status, error), `${exporter.name} did not take it`);
    },
    onError: (error) => failed(error, 'Nothing was sent'),
    onSettled: () => client.invalidateQueries({ queryKey: ['settings', 'exporters'] }),
  });
  return (
    <Button
      size="compact-sm"
      variant="subtle"
      loading={test.isPending}
      onClick={() => test.mutate()}
      aria-label={`Test now: ${exporter.name}`}
    >
      Test now
    </Button>
  );
}

function Remove({ exporter, close }: { exporter: Exporter; close: () => void }) {
  const remove = useChange('exporters', () =>
    take(
      api.DELETE('/v1/customers/me/trace-exporters/{exporter_id}', {
        params: { path: { exporter_id: exporter.id } },
      }),
    ),
  );
  return (
    <Confirm
      opened
      close={close}
      title={`Delete ${exporter.name}?`}
      verb="Delete export"
      busy={remove.isPending}
      error={remove.error}
      act={() =>
        remove.mutate(undefined, {
          onSuccess: () => {
            done(`${exporter.name} is deleted`);
            close();
          },
        })
      }
    >
      Nothing is sent there any more, and what waits is dropped. To stop for a while, switch it off instead.
    </Confirm>
  );
}
