/** From not being signed in to being in. */

import { queryOptions, type UseMutationOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import { api, take } from '@/api/client';
import { meQuery } from '@/api/me';

export const signInOptionsQuery = queryOptions({
  queryKey: ['sign-in-options'],
  queryFn: ({ signal }) => take(api.GET('/v1/sign-in-options', { signal })),
  staleTime: 5 * 60_000,
});

/**
 * A request that ends with a session. What was remembered of somebody before is forgotten, then one goes on; what was
 * given, passwords among it, is not kept.
 */
export function useEntering<Given, Answer>(
  ask: (given: Given) => Promise<Answer>,
  goOn = '/',
): ReturnType<typeof useMutation<Answer, Error, Given>> {
  const client = useQueryClient();
  const router = useRouter();
  const options: UseMutationOptions<Answer, Error, Given> = {
    mutationFn: async (given) => {
      const answer = await ask(given);
      client.removeQueries();
      await client.fetchQuery(meQuery);
      return answer;
    },
    onSuccess: () => router.history.push(goOn),
    gcTime: 0,
  };
  return useMutation(options);
}
