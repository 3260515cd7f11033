/** Limits tried out on past calls, for whatever page offers that. Fetched when it is first wanted. */

import type { ComponentProps } from 'react';
import { usdField } from '@/ui/decimals';
import { lazily } from '@/ui/lazily';

export const WhatIf = lazily(() => import('@/features/whatif/WhatIfDialog'), 'WhatIfDialog');

type Asked = ComponentProps<typeof WhatIf>;

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
