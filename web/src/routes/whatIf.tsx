/** Limits tried out on past calls, for whatever page offers that. Fetched when it is first wanted. */

import { type ComponentProps, lazy, Suspense } from 'react';
import { usdField } from '@/ui/decimals';

const Dialog = lazy(async () => ({ default: (await import('@/features/whatif/WhatIfDialog')).WhatIfDialog }));

type Asked = ComponentProps<typeof Dialog>;

export function WhatIf(asked: Asked) {
  return (
    <Suspense>
      <Dialog {...asked} />
    </Suspense>
  );
}

type Key = {
  id: string;
  name: string;
  budget_usd: string | null;
  budget_reset: Exclude<NonNullable<Asked['start']>['reset'], 'never'> | null;
  allowed_models: string[];
};

/** The limits that a key has are what stands in the form at first. */
export function WhatIfOfKey({ of: key, ...rest }: { of: Key } & Pick<Asked, 'close' | 'apply'>) {
  const start = {
    budget_usd: usdField(key.budget_usd),
    reset: key.budget_reset ?? ('never' as const),
    models: key.allowed_models,
  };
  return <WhatIf scope={{ kind: 'key', id: key.id }} name={key.name} start={start} {...rest} />;
}
