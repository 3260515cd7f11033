/** The one store of what the server said, and how long that is believed. */

import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query';
import { meQuery } from './me';
import { Problem } from './problem';

/** Of what may have ten thousand rows: looking for sameness in all of them is dearer than drawing twenty. */
export const LONG_LIST = { structuralSharing: false } as const;

const FRESH_MS = 15_000;
const MOST_TRIES = 3;
const FIRST_PAUSE_MS = 400;

function worthATry(tries: number, error: Error): boolean {
  return error instanceof Problem && error.passes && error.status !== 429 && tries < MOST_TRIES;
}

/** Long enough for a restart of one process, short enough that nobody wonders. */
function pause(tries: number): number {
  return FIRST_PAUSE_MS * 2 ** tries;
}

/** Whoever hears first that the session is over tells the whole page: nobody is signed in any more. */
function noticeTheEnd(error: Error): void {
  if (!(error instanceof Problem) || error.status !== 401) return;
  if (queryClient.getQueryData(meQuery.queryKey)) queryClient.setQueryData(meQuery.queryKey, null);
}

export const queryClient = new QueryClient({
  queryCache: new QueryCache({ onError: noticeTheEnd }),
  mutationCache: new MutationCache({ onError: noticeTheEnd }),
  defaultOptions: {
    queries: { staleTime: FRESH_MS, retry: worthATry, retryDelay: pause, refetchOnWindowFocus: true },
    mutations: { retry: false },
  },
});
