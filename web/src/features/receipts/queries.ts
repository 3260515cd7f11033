import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, type Schemas, take } from '@/api/client';

export function receiptQuery(callId: string) {
  return queryOptions({
    queryKey: ['receipts', callId],
    queryFn: async ({ signal }) =>
      (await take(api.GET('/v1/ai/receipts/{call_id}', { params: { path: { call_id: callId } }, signal })))
        .receipt,
  });
}

/** What a call really cost. The book gets the difference; whatever shows money asks again. */
export function useAdjust() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: Schemas['AdjustmentIn']) => take(api.POST('/v1/ledger/adjustments', { body })),
    onSuccess: async () => {
      for (const part of ['receipts', 'keys', 'limits', 'ledger', 'reports'])
        await client.invalidateQueries({ queryKey: [part] });
    },
  });
}
