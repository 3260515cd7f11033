import { KeyPage } from '@/features/keys/KeyPage';
import { lazily } from '@/ui/lazily';
import { WhatIfOfKey } from './whatIf';

const ReceiptDrawer = lazily(() => import('@/features/receipts/ReceiptDrawer'), 'ReceiptDrawer');

/** A key's page. Where features meet they meet here: its calls have receipts, its budget can be tried out. */
export function KeyRoute() {
  return (
    <KeyPage
      receipt={(callId, close) => <ReceiptDrawer callId={callId} close={close} />}
      whatIf={(key, close, apply) => <WhatIfOfKey of={key} close={close} apply={apply} />}
    />
  );
}
