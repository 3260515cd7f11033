import { createRouter } from '@tanstack/react-router';
import { tree } from '@/routes/tree';
import { PageFailed, PageMissing, PagePending } from './pages';

export const router = createRouter({
  routeTree: tree,
  defaultPreload: 'intent',
  defaultPreloadStaleTime: 0, // what is fresh is the query client's business
  scrollRestoration: true,
  defaultPendingComponent: PagePending,
  defaultErrorComponent: PageFailed,
  defaultNotFoundComponent: PageMissing,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
  interface HistoryState {
    /** On the sign-in page: the session ended while somebody was at work. */
    ended?: boolean;
  }
}
