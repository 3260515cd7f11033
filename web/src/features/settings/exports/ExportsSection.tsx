import { Alert, Button, Stack } from '@mantine/core';
import { IconPlus, IconSend } from '@tabler/icons-react';
import { queryOptions, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, take } from '@/api/client';
import { lazily } from '@/ui/lazily';
import { Empty, Failed } from '@/ui/states';
import { LoadingCards, Section } from '../Section';
import { ExporterCard } from './ExporterCard';
import type { Exporter } from './exporter';

const ExporterModal = lazily(() => import('./ExporterModal'), 'ExporterModal');

const EVERY_MS = 10_000;

const exportersQuery = queryOptions({
  queryKey: ['settings', 'exporters'],
  queryFn: async ({ signal }) =>
    (await take(api.GET('/v1/customers/me/trace-exporters', { signal }))).trace_exporters,
  refetchInterval: EVERY_MS,
});

export default function ExportsSection() {
  const found = useQuery(exportersQuery);
  const [edited, setEdited] = useState<{ exporter: Exporter | null } | null>(null);
  const add = (
    <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setEdited({ exporter: null })}>
      New export
    </Button>
  );
  return (
    <Section id="exports" actions={add}>
      {found.isError && found.data === undefined && (
        <Failed error={found.error} again={() => void found.refetch()} />
      )}
      {found.isPending && <LoadingCards />}
      {found.data?.length === 0 && (
        <Empty icon={<IconSend aria-hidden />} title="Spans stay here">
          Every call leaves a span. Have them sent to whatever you watch your programs with, as long as it
          takes OTLP over HTTP: a Collector, Grafana Tempo, Honeycomb, Langfuse, Datadog.
        </Empty>
      )}
      <Stack gap="md">
        {found.data?.map((exporter) => (
          <ExporterCard key={exporter.id} exporter={exporter} edit={() => setEdited({ exporter })} />
        ))}
      </Stack>
      {found.data !== undefined && found.data.length > 0 && (
        <Alert color="gray" p="sm">
          Spans go out every few seconds, at least once. What cannot be delivered waits for 24 hours. Calls
          never wait for any of this.
        </Alert>
      )}
      {edited !== null && <ExporterModal exporter={edited.exporter} close={() => setEdited(null)} />}
    </Section>
  );
}
