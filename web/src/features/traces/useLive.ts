import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useState } from 'react';
import type { Period } from '@/ui/timeRange';
import type { Filters } from './filters';
import { arranged, type Heard, hear, type Trace } from './live';
import { newerQuery } from './queries';

const NONE: Heard = new Map();
const NOBODY: ReadonlySet<string> = new Set();

/** Newer traces while `on`. They go on top by themselves unless somebody reads (`held`): then they wait to be let in. */
export function useLive(
  filters: Filters,
  period: Period,
  loaded: readonly Trace[],
  { on, held }: { on: boolean; held: boolean },
) {
  const [state, setState] = useState({ filters, heard: NONE, letIn: NOBODY });
  const { heard, letIn } = state.filters === filters ? state : { heard: NONE, letIn: NOBODY };
  const { data, error } = useQuery({ ...newerQuery(filters, period, loaded[0]), enabled: on });
  const fresh = data?.traces;
  useEffect(() => {
    if (!on || fresh === undefined) return;
    setState((before) => {
      const same = before.filters === filters;
      const now = hear(same ? before.heard : NONE, fresh);
      return { filters, heard: now, letIn: held ? (same ? before.letIn : NOBODY) : new Set(now.keys()) };
    });
  }, [on, fresh, held, filters]);
  const { rows, waiting } = useMemo(() => arranged(loaded, heard, letIn), [loaded, heard, letIn]);
  return {
    rows,
    waiting: waiting.length,
    letAllIn: () => setState({ filters, heard, letIn: new Set(heard.keys()) }),
    error,
  };
}
