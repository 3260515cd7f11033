import { useSyncExternalStore } from 'react';

const EVERY_MS = 30_000;

/** One clock for the whole page: all relative times change together. */
let now = new Date();
const listeners = new Set<() => void>();
let timer: number | undefined;

function subscribe(listener: () => void): () => void {
  // With nobody looking it stood still.
  if (timer === undefined) now = new Date();
  listeners.add(listener);
  timer ??= window.setInterval(() => {
    now = new Date();
    for (const each of listeners) each();
  }, EVERY_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      window.clearInterval(timer);
      timer = undefined;
    }
  };
}

/** The time, at most half a minute old. */
export function useNow(): Date {
  return useSyncExternalStore(subscribe, () => now);
}
