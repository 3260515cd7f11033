import { Skeleton } from '@mantine/core';
import { lazy, Suspense } from 'react';
import { useMe } from '@/api/me';
import { PagePending } from '@/app/pages';
import { useFirstSteps } from '@/features/onboarding/useFirstSteps';
import { OverviewPage } from '@/features/overview/OverviewPage';
import { PageHeader } from '@/ui/PageHeader';

const STEPS_PX = 340;

/** Fetched by those who need it: most visits are long after the first call. */
const Checklist = lazy(async () => ({
  default: (await import('@/features/onboarding/Checklist')).Checklist,
}));

/** What has happened; for those who have just come, above it or in its place, what to do first. */
export function OverviewRoute() {
  const me = useMe();
  const first = useFirstSteps();
  if (first === undefined) return <PagePending />;
  if (first === null) return <OverviewPage />;
  const steps = (
    <Suspense fallback={<Skeleton h={STEPS_PX} radius="lg" mb="xl" />}>
      <Checklist first={first} />
    </Suspense>
  );
  if (!first.alone) return <OverviewPage above={steps} />;
  return (
    <>
      <PageHeader title={`Welcome, ${me.user.name}`} tab="First steps">
        {me.customer.name} has its own gateway, keys and budgets here. This is how to get to the first call.
      </PageHeader>
      {steps}
    </>
  );
}
