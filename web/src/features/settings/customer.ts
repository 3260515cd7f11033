/** The customer as its people see it. */

import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, type Schemas, take } from '@/api/client';
import { meQuery } from '@/api/me';

export type Customer = Schemas['CustomerOut'];

export const customerQuery = queryOptions({
  queryKey: ['settings', 'customer'],
  queryFn: async ({ signal }) => (await take(api.GET('/v1/customers/me', { signal }))).customer,
});

export function useChangeCustomer() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: Schemas['CustomerPatch']) => take(api.PATCH('/v1/customers/me', { body })),
    onSuccess: async ({ customer }) => {
      client.setQueryData(customerQuery.queryKey, customer);
      await client.invalidateQueries({ queryKey: meQuery.queryKey }); // the shell shows the name
    },
  });
}

/** A change of what a list of the settings shows: the list asks again. */
export function useChange<Given, Made>(list: string, change: (given: Given) => Promise<Made>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    gcTime: 0,
    // Not waited for: what asked may be gone by the time the list is new, and could not say that it is done.
    onSuccess: () => void client.invalidateQueries({ queryKey: ['settings', list] }),
  });
}
