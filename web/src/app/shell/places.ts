/** The pages that the menu and the command palette know. */

import {
  IconChartHistogram,
  IconKey,
  IconRoute,
  IconSettings,
  IconTool,
  IconUsers,
} from '@tabler/icons-react';

export const PLACES = [
  {
    to: '/',
    label: 'Overview',
    icon: IconChartHistogram,
    words: 'spend calls tokens errors latency statistics',
  },
  { to: '/keys', label: 'Keys', icon: IconKey, words: 'virtual keys budgets models' },
  { to: '/traces', label: 'Traces', icon: IconRoute, words: 'spans calls requests search' },
  { to: '/tools', label: 'Tools', icon: IconTool, words: 'claude code cursor codex clients' },
  { to: '/people', label: 'People', icon: IconUsers, words: 'users teams invitations roles' },
  {
    to: '/settings',
    label: 'Settings',
    icon: IconSettings,
    words: 'organisation gateway tokens webhooks audit exports',
  },
] as const;
