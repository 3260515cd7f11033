/** What stands in the cells of the table of traces: plain elements, because there are hundreds of them. */

import { IconAlertTriangle, IconKey, IconUser, IconUsersGroup } from '@tabler/icons-react';
import { Money } from '@/ui/Money';
import { count, duration } from '@/ui/numbers';
import { Pill } from '@/ui/Pill';
import { Tokens } from '@/ui/Tokens';
import text from '@/ui/text.module.css';
import { When } from '@/ui/When';
import type { Trace } from './live';
import classes from './Traces.module.css';

export function Name({ trace, narrow }: { trace: Trace; narrow: boolean }) {
  const from = trace.tool ?? trace.vendor;
  return (
    <>
      <div className={text.pair}>
        {trace.errors > 0 && (
          <IconAlertTriangle
            size={14}
            className={classes.fault}
            aria-label={narrow ? errorsOf(trace) : undefined}
            aria-hidden={narrow ? undefined : true}
          />
        )}
        <span className={text.strong} title={trace.name}>
          {trace.name}
        </span>
      </div>
      <div className={text.note}>
        {narrow && (
          <>
            <When at={trace.started_at} />
            {' · '}
          </>
        )}
        {!narrow && trace.errors > 0 && (
          <span className={classes.fault}>
            {errorsOf(trace)}
            {' · '}
          </span>
        )}
        {from} · {trace.spans} {trace.spans === 1 ? 'span' : 'spans'}
      </div>
    </>
  );
}

export function Duration({ ms, scale }: { ms: number; scale: number }) {
  return (
    <div className={classes.took}>
      <div className={`${text.main} number`}>{duration(ms)}</div>
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
    <div className={text.pair}>
      <span className={text.main} title={first}>
        {first}
      </span>
      {others.length > 0 && (
        <Pill colour="plain" size="small" hint={others.join(', ')}>
          +{others.length}
        </Pill>
      )}
    </div>
  );
}

export function InAndOut({ trace }: { trace: Trace }) {
  if (trace.input_tokens + trace.output_tokens === 0) return <Nothing />;
  return (
    <div className={text.main}>
      <Tokens of={trace.input_tokens} /> / <Tokens of={trace.output_tokens} />
    </div>
  );
}

/** What we metered; what senders report stands apart, because nobody was charged for it here. */
export function Cost({ trace }: { trace: Trace }) {
  const reported = trace.reported_cost_nanos > 0;
  if (trace.cost_nanos === 0 && !reported) return <Nothing />;
  return (
    <>
      {trace.cost_nanos > 0 && (
        <div className={text.main}>
          <Money usd={trace.cost_usd} />
        </div>
      )}
      {reported && (
        <div className={text.note}>
          <Money usd={trace.reported_cost_usd} /> reported
        </div>
      )}
    </>
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
  return shown.map(({ kind, Icon, name, gone }, at) => (
    <div key={kind} className={`${text.pair} ${at > 0 || gone ? text.faint : ''}`}>
      <Icon size={13} aria-label={kind} />
      <span className={`${at === 0 ? text.main : text.note} ${gone ? classes.gone : ''}`}>{name}</span>
    </div>
  ));
}

function errorsOf({ errors }: Trace): string {
  return errors === 1 ? '1 error' : `${count(errors)} errors`;
}

function Nothing() {
  return <span className={text.faint}>–</span>;
}
