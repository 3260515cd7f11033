import { useMe } from '@/api/me';
import { PagePending } from '@/app/pages';
import { Checklist } from '@/features/onboarding/Checklist';
import { useFirstSteps } from '@/features/onboarding/useFirstSteps';
import { OverviewPage } from '@/features/overview/OverviewPage';
import { PageHeader } from '@/ui/PageHeader';

/** What has happened; for those who have just come, above it or in its place, what to do first. */
export function OverviewRoute() {
  const me = useMe();
  const first = useFirstSteps();
  if (first === undefined) return <PagePending />;
  if (first === null) return <OverviewPage />;
  if (!first.alone) return <OverviewPage above={<Checklist first={first} />} />;
  return (
    <>
      <PageHeader title={`Welcome, ${me.user.name}`} tab="First steps">
        {me.customer.name} has its own gateway, keys and budgets here. This is how to get to the first call.
      </PageHeader>
      <Checklist first={first} />
    </>
  );
}
