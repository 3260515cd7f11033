import { useDebouncedCallback } from '@mantine/hooks';
import { useRouter } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';

const PAUSE_MS = 300;

export type Typed = { typed: string; type: (text: string) => void; tellNow: () => void };

/** A text that goes into the address when typing pauses, trimmed; empty: undefined.
 *
 *  The address may change by other hands ("Clear all", the way back): then the text follows. Somebody who went to
 *  another page meanwhile is not led back here. */
export function useTyped(value: string, change: (text: string | undefined) => void): Typed {
  const router = useRouter();
  const [here] = useState(() => router.latestLocation.pathname);
  const [typed, setTyped] = useState(value);
  const told = useRef(value);
  const tell = useDebouncedCallback((text: string) => {
    if (router.latestLocation.pathname !== here) return;
    told.current = text;
    change(text === '' ? undefined : text);
  }, PAUSE_MS);
  useEffect(() => {
    if (value === told.current) return;
    told.current = value;
    setTyped(value);
  }, [value]);
  function type(text: string) {
    setTyped(text);
    tell(text.trim());
  }
  return { typed, type, tellNow: tell.flush };
}
