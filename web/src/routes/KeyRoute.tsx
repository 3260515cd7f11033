import { KeyPage } from '@/features/keys/KeyPage';

/** A key's page. Where features meet they meet here. */
export function KeyRoute() {
  return <KeyPage />;
}
