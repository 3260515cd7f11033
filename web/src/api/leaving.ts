/** A session that its person ends, by signing out or together with the organisation. */

import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { rememberCsrfToken } from './client';
import { meQuery } from './me';

let leaving = false;

/** The session is over because its person wanted that. */
export function isLeaving(): boolean {
  return leaving;
}

/** Does what ends the session, then leads out; nothing that was seen stays in the page. */
export function useLeave(): (end: () => Promise<unknown>) => Promise<void> {
  const client = useQueryClient();
  const navigate = useNavigate();
  return async (end) => {
    leaving = true;
    try {
      await end();
      rememberCsrfToken(null);
      client.setQueryData(meQuery.queryKey, null); // or the sign-in page would send its visitor back
      await navigate({ to: '/sign-in' });
      client.clear();
    } finally {
      leaving = false;
    }
  };
}
