/** All addresses of the dashboard. Pages load when they are first visited; what is in an address is checked here. */

import { createRootRoute, createRoute, lazyRouteComponent, Outlet, redirect } from '@tanstack/react-router';
import { isAdmin, meQuery } from '@/api/me';
import { queryClient } from '@/api/queries';
import { PageMissing, ShellFailed } from '@/app/pages';
import { Shell } from '@/app/shell/Shell';
import { keySearch, keysSearch } from '@/features/keys/search';
import { overviewSearch } from '@/features/overview/search';
import { peopleSearch } from '@/features/people/search';
import { signInSearch } from '@/features/session/search';
import { settingsSearch } from '@/features/settings/search';
import { toolsSearch } from '@/features/tools/search';
import { traceSearch, tracesSearch } from '@/features/traces/search';

const root = createRootRoute({ component: Outlet });

// For those who are not signed in ------------------------------------------------------------------------------

/** Whoever is signed in has no business here. That nobody can be asked is no reason not to show the page. */
async function onlyStrangers(goOn: string): Promise<void> {
  const me = await queryClient.ensureQueryData(meQuery).catch(() => null);
  if (me !== null) throw redirect({ href: goOn });
}

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: signInSearch,
  beforeLoad: ({ search }) => onlyStrangers(search.return_to ?? '/'),
  // Before the page is shown: nothing of it moves when it is known who may come in how.
  loader: async () => {
    const { signInOptionsQuery } = await import('@/features/session/enter');
    await queryClient.prefetchQuery({ ...signInOptionsQuery, retry: false });
  },
  component: lazyRouteComponent(() => import('@/features/session/SignInPage'), 'SignInPage'),
});
const register = createRoute({
  getParentRoute: () => root,
  path: '/register',
  beforeLoad: () => onlyStrangers('/'),
  component: lazyRouteComponent(() => import('@/features/session/RegisterPage'), 'RegisterPage'),
});
const invitation = createRoute({
  getParentRoute: () => root,
  path: '/invitation',
  component: lazyRouteComponent(() => import('@/features/session/InvitationPage'), 'InvitationPage'),
});
const resetPassword = createRoute({
  getParentRoute: () => root,
  path: '/reset-password',
  component: lazyRouteComponent(() => import('@/features/session/ResetPasswordPage'), 'ResetPasswordPage'),
});

// Behind the sign-in page --------------------------------------------------------------------------------------

const inside = createRoute({
  getParentRoute: () => root,
  id: 'in',
  component: Shell,
  errorComponent: ShellFailed,
  beforeLoad: async ({ location }) => {
    const me = await queryClient.ensureQueryData(meQuery);
    if (me === null) throw redirect({ to: '/sign-in', search: { return_to: location.href } });
  },
});
const overview = createRoute({
  getParentRoute: () => inside,
  path: '/',
  validateSearch: overviewSearch,
  component: lazyRouteComponent(() => import('./OverviewRoute'), 'OverviewRoute'),
});
const keys = createRoute({
  getParentRoute: () => inside,
  path: '/keys',
  validateSearch: keysSearch,
  component: lazyRouteComponent(() => import('./KeysRoute'), 'KeysRoute'),
});
const key = createRoute({
  getParentRoute: () => inside,
  path: '/keys/$hash',
  validateSearch: keySearch,
  component: lazyRouteComponent(() => import('./KeyRoute'), 'KeyRoute'),
});
const traces = createRoute({
  getParentRoute: () => inside,
  path: '/traces',
  validateSearch: tracesSearch,
  component: lazyRouteComponent(() => import('@/features/traces/TracesPage'), 'TracesPage'),
});
const trace = createRoute({
  getParentRoute: () => inside,
  path: '/traces/$traceId',
  validateSearch: traceSearch,
  component: lazyRouteComponent(() => import('./TraceRoute'), 'TraceRoute'),
});
const tools = createRoute({
  getParentRoute: () => inside,
  path: '/tools',
  validateSearch: toolsSearch,
  component: lazyRouteComponent(() => import('@/features/tools/ToolsPage'), 'ToolsPage'),
});
const people = createRoute({
  getParentRoute: () => inside,
  path: '/people',
  validateSearch: peopleSearch,
  component: lazyRouteComponent(() => import('@/features/people/PeoplePage'), 'PeoplePage'),
});
const settings = createRoute({
  getParentRoute: () => inside,
  path: '/settings',
  beforeLoad: async ({ location }) => {
    if (location.pathname === '/settings') {
      const me = await queryClient.ensureQueryData(meQuery);
      const section = me !== null && isAdmin(me) ? 'organisation' : 'account';
      throw redirect({ to: '/settings/$section', params: { section } });
    }
  },
});
const section = createRoute({
  getParentRoute: () => settings,
  path: '$section',
  validateSearch: settingsSearch,
  component: lazyRouteComponent(() => import('@/features/settings/SettingsPage'), 'SettingsPage'),
});

const missing = createRoute({ getParentRoute: () => inside, path: '$', component: PageMissing });

export const tree = root.addChildren([
  signIn,
  register,
  invitation,
  resetPassword,
  inside.addChildren([
    overview,
    keys,
    key,
    traces,
    trace,
    tools,
    people,
    settings.addChildren([section]),
    missing,
  ]),
]);
