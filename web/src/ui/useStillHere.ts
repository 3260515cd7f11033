import { useRouter } from '@tanstack/react-router';
import { useState } from 'react';

/** Asks whether the browser is still going to the page that this is part of: what was typed a moment before somebody
 *  went elsewhere must not lead back here. */
export function useStillHere(): () => boolean {
  const router = useRouter();
  const [here] = useState(() => router.latestLocation.pathname);
  return () => router.latestLocation.pathname === here;
}
