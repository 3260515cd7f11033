import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { api, take } from '@/api/client';

const MOST = 1_000;
const REFRESH_MS = 60_000;

export const toolsQuery = queryOptions({
  queryKey: ['tools'],
  queryFn: ({ signal }) => take(api.GET('/v1/tools', { params: { query: { limit: MOST } }, signal })),
  placeholderData: keepPreviousData,
  refetchInterval: REFRESH_MS,
});
