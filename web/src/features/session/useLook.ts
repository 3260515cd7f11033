import { useCallback, useEffect, useState } from 'react';
import { api, type Schemas, take } from '@/api/client';

type Seen = Schemas['InvitationSeen'];
type Look = { seen: Seen | null; error: unknown; again: () => void };

/** What an invitation says. Not by the query client: its keys would hold the link's secret. */
export function useLook(token: string | null): Look {
  const [found, setFound] = useState<Omit<Look, 'again'>>({ seen: null, error: null });
  const [tries, setTries] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `tries` is what asks again
  useEffect(() => {
    if (token === null) return;
    const gone = new AbortController();
    setFound({ seen: null, error: null });
    take(api.POST('/v1/invitations/look', { body: { token }, signal: gone.signal })).then(
      (seen) => !gone.signal.aborted && setFound({ seen, error: null }),
      (error: unknown) => !gone.signal.aborted && setFound({ seen: null, error }),
    );
    return () => gone.abort();
  }, [token, tries]);
  return { ...found, again: useCallback(() => setTries((before) => before + 1), []) };
}
