import { KeyPage } from '@/features/keys/KeyPage';
import { ReceiptDrawer } from '@/features/receipts/ReceiptDrawer';
import { WhatIfOfKey } from './whatIf';

/** A key's page. Where features meet they meet here: its calls have receipts, its budget can be tried out. */
export function KeyRoute() {
  return (
    <KeyPage
      receipt={(callId, close) => <ReceiptDrawer callId={callId} close={close} />}
      whatIf={(key, close, apply) => <WhatIfOfKey of={key} close={close} apply={apply} />}
    />
  );
}
