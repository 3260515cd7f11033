import { TracePage } from '@/features/traces/TracePage';
import { lazily } from '@/ui/lazily';

const ReceiptDrawer = lazily(() => import('@/features/receipts/ReceiptDrawer'), 'ReceiptDrawer');

/** A trace's page. Where features meet they meet here: a call's receipt opens beside its span. */
export function TraceRoute() {
  return <TracePage receipt={(callId, close) => <ReceiptDrawer callId={callId} close={close} />} />;
}
