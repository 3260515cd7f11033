import { ReceiptDrawer } from '@/features/receipts/ReceiptDrawer';
import { TracePage } from '@/features/traces/TracePage';

/** A trace's page. Where features meet they meet here: a call's receipt opens beside its span. */
export function TraceRoute() {
  return <TracePage receipt={(callId, close) => <ReceiptDrawer callId={callId} close={close} />} />;
}
