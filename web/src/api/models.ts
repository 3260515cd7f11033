/** The models that can be called, with their prices. */

import { queryOptions } from '@tanstack/react-query';
import { api, type Schemas, take } from './client';

export type Model = Schemas['ModelOut'];

const FRESH_MS = 10 * 60_000;

export const modelsQuery = queryOptions({
  queryKey: ['models'],
  queryFn: async ({ signal }) => (await take(api.GET('/v1/ai/models', { signal }))).data,
  staleTime: FRESH_MS,
});
