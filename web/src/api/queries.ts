/** The one store of what the server said, and how long that is believed. */

import { QueryClient } from '@tanstack/react-query';
import { Problem } from './problem';

const FRESH_MS = 15_000;
const MOST_TRIES = 3;

function worthATry(tries: number, error: Error): boolean {
  return error instanceof Problem && error.passes && error.status !== 429 && tries < MOST_TRIES;
}

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: { staleTime: FRESH_MS, retry: worthATry, refetchOnWindowFocus: true },
    mutations: { retry: false },
  },
});
