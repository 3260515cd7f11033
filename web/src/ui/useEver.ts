import { useState } from 'react';

/** Whether it was ever so since the page is there: what was opened once stays, so that it can close in its own way. */
export function useEver(now: boolean): boolean {
  const [ever, setEver] = useState(now);
  if (now && !ever) setEver(true);
  return ever || now;
}
