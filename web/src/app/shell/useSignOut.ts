import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { api, rememberCsrfToken, take } from '@/api/client';
import { meQuery } from '@/api/me';
import { failed } from '@/ui/notices';

let leaving = false;

/** The session is over because its person wanted that. */
export function isLeaving(): boolean {
  return leaving;
}

/** Ends the session; nothing that was seen stays in the page. */
export function useSignOut(): () => void {
  const client = useQueryClient();
  const navigate = useNavigate();
  async function signOut() {
    leaving = true;
    try {
      await take(api.POST('/v1/logout'));
    } catch (error) {
      leaving = false;
      failed(error, 'You are still signed in');
      return;
    }
    rememberCsrfToken(null);
    client.setQueryData(meQuery.queryKey, null);
    await navigate({ to: '/sign-in' });
    client.clear();
    leaving = false;
  }
  return () => void signOut();
}
