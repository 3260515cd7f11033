import { useState } from 'react';
import type { Selection } from './columns';
import type { Key } from './form';

/** Which keys are chosen, of those that are shown: what a filter hides is chosen no longer. */
export function useSelection(shown: readonly Key[]): Selection & { keys: readonly Key[]; clear: () => void } {
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const keys = shown.filter((key) => picked.has(key.hash));
  const all = shown.length > 0 && keys.length === shown.length;
  function toggle(key: Key) {
    const next = new Set(picked);
    if (!next.delete(key.hash)) next.add(key.hash);
    setPicked(next);
  }
  return {
    keys,
    all,
    some: keys.length > 0,
    has: (hash) => picked.has(hash),
    toggle,
    toggleAll: () => setPicked(all ? new Set() : new Set(shown.map((key) => key.hash))),
    clear: () => setPicked(new Set()),
  };
}
