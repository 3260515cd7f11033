/** What a call really cost. The book gets the difference; whatever shows money asks again. */

import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, type Schemas, take } from '@/api/client';

const SHOW_MONEY = [['receipts'], ['keys'], ['limits'], ['reports'], ['settings', 'ledger']];

/** `word` names the correction: however often it is sent, it is booked once. */
export function useCorrect(word: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: Schemas['AdjustmentIn']) =>
      take(api.POST('/v1/ledger/adjustments', { params: { header: { 'idempotency-key': word } }, body })),
    gcTime: 0,
    // Not waited for: what asked may be gone by the time all is new, and could not say that it is done.
    onSuccess: () => {
      for (const queryKey of SHOW_MONEY) void client.invalidateQueries({ queryKey });
    },
  });
}

/** Letters that nobody else sends. */
export function newWord(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
