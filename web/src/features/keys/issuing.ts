/** Requests that answer with a raw key. Not mutations: what those answer stays in a store, and a raw key must not. */

import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, take } from '@/api/client';
import type { Key, KeyBody } from './form';

export type Issued = { key: Key; rawKey: string; formerEndsAt: string | null };

/** Whose a new key is. */
export type Owner = { kind: 'user'; id: string } | { kind: 'team'; id: string };

export async function issue(owner: Owner, body: KeyBody): Promise<Issued> {
  const answer = await take(
    owner.kind === 'user'
      ? api.POST('/v1/ai/keys/user', { body: { ...body, user_id: owner.id } })
      : api.POST('/v1/ai/keys/team/{team_id}', { params: { path: { team_id: owner.id } }, body }),
  );
  return { key: answer.key, rawKey: answer.raw_key, formerEndsAt: null };
}

export async function rotate(hash: string, graceS: number): Promise<Issued> {
  const params = { path: { key_hash: hash } };
  const answer = await take(api.POST('/v1/ai/keys/{key_hash}/rotate', { params, body: { grace_s: graceS } }));
  return { key: answer.key, rawKey: answer.raw_key, formerEndsAt: answer.former_ends_at };
}

export type Issuing = {
  issued: Issued | null;
  busy: boolean;
  error: unknown;
  ask: (request: () => Promise<Issued>, refused?: (error: unknown) => void) => Promise<void>;
  forget: () => void;
};

/** Holds what was issued until it is forgotten, which is when nobody looks at it any more. */
export function useIssuing(): Issuing {
  const client = useQueryClient();
  const [issued, setIssued] = useState<Issued | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  async function ask(request: () => Promise<Issued>, refused?: (error: unknown) => void) {
    setBusy(true);
    setError(null);
    try {
      setIssued(await request());
      // Not the details: after a rotation they have another address, to which the page goes when this is forgotten.
      for (const part of ['list', 'own', 'totals'])
        void client.invalidateQueries({ queryKey: ['keys', part] });
    } catch (thrown) {
      setError(thrown);
      refused?.(thrown);
    } finally {
      setBusy(false);
    }
  }
  function forget() {
    setIssued(null);
    setError(null);
  }
  return { issued, busy, error, ask, forget };
}
