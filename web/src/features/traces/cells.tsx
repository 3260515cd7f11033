/** What stands in the cells of the table of traces. */

import { Badge, Group, Text, Tooltip } from '@mantine/core';
import { IconAlertTriangle, IconKey, IconUser, IconUsersGroup } from '@tabler/icons-react';
import { Money } from '@/ui/Money';
import { count, duration } from '@/ui/numbers';
import { Tokens } from '@/ui/Tokens';
import { When } from '@/ui/When';
import type { Trace } from './live';
import classes from './Traces.module.css';

export function Name({ trace, narrow }: { trace: Trace; narrow: boolean }) {
  const from = trace.tool ?? trace.vendor;
  return (
    <div>
      <Group gap={5} wrap="nowrap">
        {trace.errors > 0 && (
          <IconAlertTriangle
            size={14}
            className={classes.fault}
            aria-label={narrow ? errorsOf(trace) : undefined}
            aria-hidden={narrow ? undefined : true}
          />
        )}
        <Text size="sm" fw={500} truncate title={trace.name}>
          {trace.name}
        </Text>
      </Group>
      <Text size="xs" c="dimmed" truncate>
        {narrow && (
          <>
            <When at={trace.started_at} />
            {' · '}
          </>
        )}
        {!narrow && trace.errors > 0 && (
          <Text span inherit c="var(--mantine-color-error)">
            {errorsOf(trace)}
            {' · '}
          </Text>
        )}
        {from} · {trace.spans} {trace.spans === 1 ? 'span' : 'spans'}
      </Text>
    </div>
  );
}

export function Duration({ ms, scale }: { ms: number; scale: number }) {
  return (
    <div className={classes.took}>
      <Text size="sm" className="number">
        {duration(ms)}
      </Text>
      <div className={classes.track} aria-hidden>
        <div className={classes.bar} style={{ width: `${Math.max(Math.min(ms / scale, 1) * 100, 2)}%` }} />
      </div>
    </div>
  );
}

export function Models({ models }: { models: readonly string[] }) {
  const [first, ...others] = models;
  if (first === undefined) return <Nothing />;
  return (
    <Group gap={6} wrap="nowrap">
      <Text size="sm" truncate title={first}>
        {first}
      </Text>
      {others.length > 0 && (
        <Tooltip label={others.join(', ')} multiline maw={320}>
          <Badge size="sm" variant="default" tt="none" flex="none">
            +{others.length}
          </Badge>
        </Tooltip>
      )}
    </Group>
  );
}

export function InAndOut({ trace }: { trace: Trace }) {
  if (trace.input_tokens + trace.output_tokens === 0) return <Nothing />;
  return (
    <Text size="sm" truncate>
      <Tokens of={trace.input_tokens} /> / <Tokens of={trace.output_tokens} />
    </Text>
  );
}

/** What we metered; what senders report stands apart, because nobody was charged for it here. */
export function Cost({ trace }: { trace: Trace }) {
  const reported = trace.reported_cost_nanos > 0;
  if (trace.cost_nanos === 0 && !reported) return <Nothing />;
  return (
    <div>
      {trace.cost_nanos > 0 && (
        <Text size="sm">
          <Money usd={trace.cost_usd} />
        </Text>
      )}
      {reported && (
        <Text size="xs" c="dimmed">
          <Money usd={trace.reported_cost_usd} /> reported
        </Text>
      )}
    </div>
  );
}

const OWNERS = [
  ['user', IconUser],
  ['team', IconUsersGroup],
  ['key', IconKey],
] as const;

/** Who it was: the user or the team, and the key it came with. */
export function Whose({ trace }: { trace: Trace }) {
  const known = OWNERS.flatMap(([kind, Icon]) => {
    if (trace[`${kind}_id`] === null) return [];
    return [{ kind, Icon, name: trace[`${kind}_name`] ?? 'deleted', gone: trace[`${kind}_name`] === null }];
  });
  const shown = known.filter(({ kind }) => kind !== 'team' || trace.user_id === null).slice(0, 2);
  if (shown.length === 0) return <Nothing />;
  return (
    <div>
      {shown.map(({ kind, Icon, name, gone }, at) => (
        <Group key={kind} gap={5} wrap="nowrap" {...(at > 0 || gone ? { c: 'dimmed' } : {})}>
          <Icon size={13} className={classes.still} aria-label={kind} />
          <Text size={at === 0 ? 'sm' : 'xs'} truncate fs={gone ? 'italic' : 'normal'}>
            {name}
          </Text>
        </Group>
      ))}
    </div>
  );
}

function errorsOf({ errors }: Trace): string {
  return errors === 1 ? '1 error' : `${count(errors)} errors`;
}

function Nothing() {
  return (
    <Text size="sm" c="dimmed">
      –
    </Text>
  );
}
