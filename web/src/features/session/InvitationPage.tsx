import { PageHeader } from '@/ui/PageHeader';

export function InvitationPage() {
  return <PageHeader title="Invitation" />;
}
