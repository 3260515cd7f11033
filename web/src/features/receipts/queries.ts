import { queryOptions } from '@tanstack/react-query';
import { api, take } from '@/api/client';

export function receiptQuery(callId: string) {
  return queryOptions({
    queryKey: ['receipts', callId],
    queryFn: async ({ signal }) =>
      (await take(api.GET('/v1/ai/receipts/{call_id}', { params: { path: { call_id: callId } }, signal })))
        .receipt,
  });
}
