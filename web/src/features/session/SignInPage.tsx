import { PageHeader } from '@/ui/PageHeader';

export function SignInPage() {
  return <PageHeader title="SignIn" />;
}
