import { useEffect, useState } from 'react';
import { Problem } from '@/api/problem';

/** Whole seconds until somebody who was told to wait may try again; 0: now. */
export function useWait(error: unknown): number {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    const wait = error instanceof Problem && error.status === 429 ? error.retryAfterS : null;
    if (wait === null) {
      setLeft(0);
      return;
    }
    const until = Date.now() + wait * 1000;
    const tell = () => setLeft(Math.max(0, Math.ceil((until - Date.now()) / 1000)));
    tell();
    const timer = window.setInterval(tell, 500);
    return () => window.clearInterval(timer);
  }, [error]);
  return left;
}
