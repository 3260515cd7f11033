import { Paper, Skeleton } from '@mantine/core';
import { type ComponentProps, lazy, Suspense } from 'react';
import { useMe } from '@/api/me';
import { PagePending } from '@/app/pages';
import { useFirstSteps } from '@/features/onboarding/useFirstSteps';
import { OverviewPage } from '@/features/overview/OverviewPage';
import { usdField } from '@/ui/decimals';
import { PageHeader } from '@/ui/PageHeader';
import { WhatIf } from './whatIf';

const STEPS_PX = 340;

/** Fetched by those who need it: most visits are long after the first call. */
const Checklist = lazy(async () => ({
  default: (await import('@/features/onboarding/Checklist')).Checklist,
}));

function StepsPending() {
  return (
    <Paper withBorder p="lg" h={STEPS_PX} mb="xl" role="status" aria-label="Loading">
      <Skeleton h={18} w={130} mb={10} />
      <Skeleton h={12} w={80} mb={22} />
      <Skeleton h={6} />
    </Paper>
  );
}

/** What has happened, and what would have under other limits; for those who have just come, above it or in its place, what to do first. */
export function OverviewRoute() {
  const me = useMe();
  const first = useFirstSteps();
  const tryOut: ComponentProps<typeof OverviewPage>['whatIf'] = (limit, close) =>
    limit === null ? (
      <WhatIf scope={{ kind: 'customer' }} name={me.customer.name} close={close} />
    ) : (
      <WhatIf
        scope={
          limit.scope.kind === 'customer'
            ? { kind: 'customer' }
            : { kind: limit.scope.kind, id: limit.scope.id }
        }
        name={limit.scope.name}
        start={{ budget_usd: usdField(limit.limit_usd), reset: limit.reset ?? 'never', models: [] }}
        close={close}
      />
    );
  if (first === undefined) return <PagePending />;
  if (first === null) return <OverviewPage whatIf={tryOut} />;
  const steps = (
    <Suspense fallback={<StepsPending />}>
      <Checklist first={first} />
    </Suspense>
  );
  if (!first.alone) return <OverviewPage above={steps} whatIf={tryOut} />;
  return (
    <>
      <PageHeader title={`Welcome, ${me.user.name}`} tab="First steps">
        {me.customer.name} has its own gateway, keys and budgets here. This is how to get to the first call.
      </PageHeader>
      {steps}
    </>
  );
}
