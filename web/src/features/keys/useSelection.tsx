import { useCallback, useMemo, useState } from 'react';
import { Tick } from '@/ui/Tick';
import type { Selection } from './columns';
import type { Key } from './form';

/** Which keys are chosen, of those that are shown: what a filter hides is chosen no longer. */
export function useSelection(shown: readonly Key[]): Selection & { keys: readonly Key[]; clear: () => void } {
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const keys = useMemo(() => shown.filter((key) => picked.has(key.hash)), [shown, picked]);
  const all = shown.length > 0 && keys.length === shown.length;
  const cell = useCallback(
    (key: Key) => (
      <Tick
        label={`Select ${key.name}`}
        checked={picked.has(key.hash)}
        change={() => setPicked((before) => toggled(before, key.hash))}
      />
    ),
    [picked],
  );
  return {
    cell,
    keys,
    all,
    some: keys.length > 0,
    toggleAll: () => setPicked(all ? new Set() : new Set(shown.map((key) => key.hash))),
    clear: () => setPicked(new Set()),
  };
}

function toggled(picked: ReadonlySet<string>, hash: string): ReadonlySet<string> {
  const next = new Set(picked);
  if (!next.delete(hash)) next.add(hash);
  return next;
}
