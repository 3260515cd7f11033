import { OverviewPage } from '@/features/overview/OverviewPage';

/** What has happened; above it, for those who have just come, what to do first. */
export function OverviewRoute() {
  return <OverviewPage />;
}
