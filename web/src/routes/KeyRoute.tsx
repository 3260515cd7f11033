import { lazy, Suspense } from 'react';
import { KeyPage } from '@/features/keys/KeyPage';
import { ReceiptDrawer } from '@/features/receipts/ReceiptDrawer';
import { usdField } from '@/ui/decimals';

const WhatIf = lazy(async () => ({ default: (await import('@/features/whatif/WhatIfDialog')).WhatIfDialog }));

/** A key's page. Where features meet they meet here: its calls have receipts, its budget can be tried out. */
export function KeyRoute() {
  return (
    <KeyPage
      receipt={(callId, close) => <ReceiptDrawer callId={callId} close={close} />}
      whatIf={(key, close, apply) => (
        <Suspense>
          <WhatIf
            scope={{ kind: 'key', id: key.id }}
            name={key.name}
            start={{
              budget_usd: usdField(key.budget_usd),
              reset: key.budget_reset ?? 'never',
              models: key.allowed_models,
            }}
            close={close}
            apply={apply}
          />
        </Suspense>
      )}
    />
  );
}
