import { TracePage } from '@/features/traces/TracePage';

/** A trace's page. Where features meet they meet here. */
export function TraceRoute() {
  return <TracePage />;
}
