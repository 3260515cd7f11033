import { PageHeader } from '@/ui/PageHeader';

export function KeyPage() {
  return <PageHeader title="Key" />;
}
