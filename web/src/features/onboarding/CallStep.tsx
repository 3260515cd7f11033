import { Code, Group, Paper, Tabs, Text } from '@mantine/core';
import { IconBolt } from '@tabler/icons-react';
import { Copy } from '@/ui/Copy';
import { Money } from '@/ui/Money';
import { duration } from '@/ui/numbers';
import { Tokens } from '@/ui/Tokens';
import { When } from '@/ui/When';
import classes from './Checklist.module.css';
import { Look } from './Go';
import type { FirstKey, Trace } from './queries';
import { LANGUAGES, modelFor, snippet } from './snippets';

/** A call to paste, and then the call itself. */
export function CallStep({ firstKey, call }: { firstKey: FirstKey | null; call: Trace | null }) {
  if (call !== null) return <Arrival call={call} />;
  if (firstKey?.last_used_at != null) return null;
  const baseUrl = `${window.location.origin}/v1/ai`;
  const model = modelFor(firstKey?.allowed_models ?? []);
  return (
    <>
      <Text size="sm" mb="sm" maw={620}>
        Any OpenAI client works: give it this base URL and your key. Paste this into a terminal or a file:
      </Text>
      <Tabs defaultValue="curl" variant="outline">
        <Tabs.List>
          {LANGUAGES.map(({ id, label }) => (
            <Tabs.Tab key={id} value={id}>
              {label}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {LANGUAGES.map(({ id, label }) => {
          const text = snippet(id, baseUrl, model);
          return (
            <Tabs.Panel key={id} value={id} pt="xs">
              <div className={classes.code}>
                <Code block fz={13} tabIndex={0} aria-label={`First call with ${label}`}>
                  {text}
                </Code>
                <div className={classes.copy}>
                  <Copy text={text} what={`the call with ${label}`} />
                </div>
              </div>
            </Tabs.Panel>
          );
        })}
      </Tabs>
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
