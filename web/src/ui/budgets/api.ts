/** The budgets of one place, as the server has them. */

import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, type Schemas, take } from '@/api/client';
import { type Model, modelsQuery } from '@/api/models';

export type Limit = Schemas['LimitOut'];
export type WindowBody = Schemas['WindowIn'];
export type RaiseBody = Schemas['RaiseIn'];

/** What budgets hang on. The customer has no name of its own here: it is always the caller's. */
export type Place = { kind: 'customer' } | { kind: 'user' | 'team' | 'key'; ref: string };

function read(place: Place, signal: AbortSignal): Promise<Schemas['LimitList']> {
  if (place.kind === 'customer') return take(api.GET('/v1/ai/limits/customer', { signal }));
  return take(api.GET('/v1/ai/limits/{kind}/{ref}', { params: { path: place }, signal }));
}

function write(place: Place, budgets: WindowBody[]): Promise<Schemas['LimitList']> {
  if (place.kind === 'customer') return take(api.PUT('/v1/ai/limits/customer', { body: { budgets } }));
  return take(api.PUT('/v1/ai/limits/{kind}/{ref}', { params: { path: place }, body: { budgets } }));
}

export function limitsQuery(place: Place) {
  return queryOptions({
    queryKey: ['limits', 'of', place.kind, place.kind === 'customer' ? '' : place.ref],
    queryFn: async ({ signal }) => (await read(place, signal)).budgets,
  });
}

/** Money of a place changed: whatever shows budgets asks again. */
function useAfterwards(): () => Promise<void> {
  const client = useQueryClient();
  return () => client.invalidateQueries({ queryKey: ['limits'] });
}

export function useSetBudgets(place: Place) {
  const onSuccess = useAfterwards();
  return useMutation({ mutationFn: (budgets: WindowBody[]) => write(place, budgets), onSuccess });
}

export function useRaise() {
  const onSuccess = useAfterwards();
  return useMutation({
    mutationFn: ({ id, body }: { id: number; body: RaiseBody }) =>
      take(api.POST('/v1/ai/limits/{budget_id}/raise', { params: { path: { budget_id: id } }, body })),
    onSuccess,
  });
}

export function useEndRaise() {
  const onSuccess = useAfterwards();
  return useMutation({
    mutationFn: (id: number) =>
      take(api.DELETE('/v1/ai/limits/{budget_id}/raise', { params: { path: { budget_id: id } } })),
    onSuccess,
  });
}

/** What a budget's models may be: all of a provider, and every model. */
export const modelPatternsQuery = queryOptions({
  ...modelsQuery,
  select: (models: Model[]) => {
    const providers = [...new Set(models.map((model) => model.provider))].sort();
    return [...providers.map((provider) => `${provider}/*`), ...models.map((model) => model.id)];
  },
});
