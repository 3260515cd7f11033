import { api, take } from '@/api/client';
import { useLeave } from '@/api/leaving';
import { failed } from '@/ui/notices';

export function useSignOut(): () => void {
  const leave = useLeave();
  return () =>
    void leave(() => take(api.POST('/v1/logout'))).catch((error) => failed(error, 'You are still signed in'));
}
