import { Group, Text } from '@mantine/core';
import { Copy } from '@/ui/Copy';
import { Money } from '@/ui/Money';
import { count, duration } from '@/ui/numbers';
import { Tokens } from '@/ui/Tokens';
import { When } from '@/ui/When';
import type { Trace } from './live';
import classes from './TracePage.module.css';

/** A trace as a whole, in one line. */
export function TraceFacts({ trace }: { trace: Trace }) {
  const tokens = trace.input_tokens + trace.output_tokens;
  return (
    <div className={classes.facts}>
      <When at={trace.started_at} style="second" />
      <span>{duration(trace.duration_ms)}</span>
      <span>{several(trace.spans, 'span')}</span>
      <span>{several(trace.calls, 'call')}</span>
      {trace.errors > 0 && <span className={classes.fault}>{several(trace.errors, 'error')}</span>}
      {tokens > 0 && (
        <span>
          <Tokens of={tokens} /> tokens
        </span>
      )}
      {trace.cost_nanos > 0 && (
        <span>
          <Money usd={trace.cost_usd} />
        </span>
      )}
      {trace.reported_cost_nanos > 0 && (
        <span>
          <Money usd={trace.reported_cost_usd} /> reported
        </span>
      )}
      <Group gap={2} component="span" wrap="nowrap" mt={-4}>
        <Text span ff="monospace" size="xs">
          {trace.trace_id.slice(0, 8)}…
        </Text>
        <Copy text={trace.trace_id} what="trace id" />
      </Group>
    </div>
  );
}

function several(of: number, what: string): string {
  return `${count(of)} ${of === 1 ? what : `${what}s`}`;
}
