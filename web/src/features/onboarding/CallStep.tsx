import { Button, Code, CopyButton, Group, Paper, Tabs, Text } from '@mantine/core';
import { IconBolt, IconCheck, IconCopy } from '@tabler/icons-react';
import { useState } from 'react';
import { Copy } from '@/ui/Copy';
import { Money } from '@/ui/Money';
import { duration } from '@/ui/numbers';
import { Tokens } from '@/ui/Tokens';
import { When } from '@/ui/When';
import classes from './Checklist.module.css';
import { Look } from './Go';
import type { FirstKey, Trace } from './queries';
import { LANGUAGES, type Language, modelFor, snippet } from './snippets';

/** A call to paste, and then the call itself. */
export function CallStep({ firstKey, call }: { firstKey: FirstKey | null; call: Trace | null }) {
  if (call !== null) return <Arrival call={call} />;
  if (firstKey?.last_used_at != null) return null;
  return <Wait model={modelFor(firstKey?.allowed_models ?? [])} />;
}

function Wait({ model }: { model: string }) {
  const [shown, setShown] = useState<Language>('curl');
  const baseUrl = `${window.location.origin}/v1/ai`;
  const label = LANGUAGES.find(({ id }) => id === shown)?.label ?? shown;
  return (
    <>
      <Text size="sm" mb="sm" component="div">
        Any OpenAI client works, with your key and this base URL: <Code>{baseUrl}</Code>{' '}
        <Copy text={baseUrl} what="base URL" />
      </Text>
      <Tabs value={shown} onChange={(value) => setShown((value ?? 'curl') as Language)}>
        <Tabs.List>
          {LANGUAGES.map(({ id, label: name }) => (
            <Tabs.Tab key={id} value={id}>
              {name}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {LANGUAGES.map(({ id, label: name }) => (
          <Tabs.Panel key={id} value={id} pt="sm" className={classes.panel ?? ''}>
            <Code block fz={13} p="sm" tabIndex={0} aria-label={`First call with ${name}`}>
              {snippet(id, baseUrl, model)}
            </Code>
          </Tabs.Panel>
        ))}
      </Tabs>
      <CopyButton value={snippet(shown, baseUrl, model)} timeout={1_500}>
        {({ copied, copy }) => (
          <Button
            variant="default"
            size="xs"
            mt="sm"
            onClick={copy}
            leftSection={copied ? <IconCheck size={14} aria-hidden /> : <IconCopy size={14} aria-hidden />}
          >
            {copied ? 'Copied' : `Copy the ${label} call`}
          </Button>
        )}
      </CopyButton>
      <Group gap={10} mt="md" wrap="nowrap" role="status">
        <span className={classes.waiting} aria-hidden />
        <Text size="sm" c="dimmed">
          Waiting for the call. It appears here as soon as it was made.
        </Text>
      </Group>
    </>
  );
}

function Arrival({ call }: { call: Trace }) {
  return (
    <Paper withBorder p="md" className={classes.arrived ?? ''} role="status">
      <Group gap={8} mb={6}>
        <IconBolt size={17} aria-hidden color="var(--mantine-primary-color-filled)" />
        <Text fw={600} size="sm">
          Your first call is here
        </Text>
        <Text size="sm" c="dimmed">
          <When at={call.started_at} />
        </Text>
      </Group>
      <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
        {call.models.join(', ') || call.name}, <Tokens of={call.input_tokens + call.output_tokens} /> tokens,{' '}
        <Money usd={call.cost_usd} />, {duration(call.duration_ms)}
        {call.errors > 0 && ', with an error'}
      </Text>
      <Look href={`/traces/${call.trace_id}`}>Look at it</Look>
    </Paper>
  );
}
