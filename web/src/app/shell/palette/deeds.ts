/** What can be done from anywhere, and what typed words find of it. */

import { IconBrightness, IconKey, IconLogout, IconSend, IconTestPipe, IconUser } from '@tabler/icons-react';
import { type Me, seesAll } from '@/api/me';
import { PLACES } from '../places';

export type Deed = {
  id: string;
  label: string;
  /** By which it is found beside its label. */
  words: string;
  icon: typeof IconKey;
  /** An address, or one of the deeds that are no address. */
  act: { to: string } | 'toggle-dark' | 'sign-out';
};

export const PAGES: readonly Deed[] = PLACES.map(({ to, label, icon, words }) => ({
  id: `page-${to}`,
  label,
  words,
  icon,
  act: { to },
}));

export function deedsOf(me: Me): Deed[] {
  const invite: Deed = {
    id: 'invite',
    label: 'Invite somebody',
    words: 'add people user colleague invitation',
    icon: IconSend,
    act: { to: '/people?tab=invitations' },
  };
  const whatIf: Deed = {
    id: 'what-if',
    label: 'What if…',
    words: 'try out another budget limit models replay past calls',
    icon: IconTestPipe,
    act: { to: '/?what_if=true' },
  };
  return [
    {
      id: 'new-key',
      label: 'New key',
      words: 'make create virtual key add',
      icon: IconKey,
      act: { to: '/keys?make=true' },
    },
    ...(seesAll(me) ? [invite, whatIf] : []),
    {
      id: 'account',
      label: 'Your account',
      words: 'password name sessions',
      icon: IconUser,
      act: { to: '/settings/account' },
    },
    {
      id: 'dark',
      label: 'Toggle dark mode',
      words: 'light theme appearance colour scheme',
      icon: IconBrightness,
      act: 'toggle-dark',
    },
    { id: 'sign-out', label: 'Sign out', words: 'log out leave', icon: IconLogout, act: 'sign-out' },
  ];
}

/** Each typed word begins a word of the thing. */
export function isFound(typed: string, ...texts: string[]): boolean {
  const words = texts.join(' ').toLowerCase().split(/\s+/);
  return typed
    .toLowerCase()
    .split(/\s+/)
    .every((part) => words.some((word) => word.startsWith(part)));
}
