import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { api, rememberCsrfToken, take } from '@/api/client';
import { failed } from '@/ui/notices';

/** Ends the session; nothing that was seen stays in the page. */
export function useSignOut(): () => void {
  const client = useQueryClient();
  const navigate = useNavigate();
  async function signOut() {
    try {
      await take(api.POST('/v1/logout'));
    } catch (error) {
      failed(error, 'You are still signed in');
      return;
    }
    rememberCsrfToken(null);
    await navigate({ to: '/sign-in' });
    client.clear();
  }
  return () => void signOut();
}
