/** The frame around every page of somebody who is signed in. */

import { AppShell, Burger, Group } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useSuspenseQuery } from '@tanstack/react-query';
import { Navigate, Outlet, useLocation } from '@tanstack/react-router';
import { meQuery } from '@/api/me';
import { Brand } from '@/ui/Brand';
import { Menu } from './Menu';
import { PaletteButton } from './Palette';
import { Person } from './Person';
import classes from './Shell.module.css';
import { isLeaving } from './useSignOut';

/** Where the session is over the page gives way to the sign-in page, which leads back to it. */
export function Shell() {
  const { data: me } = useSuspenseQuery(meQuery);
  const here = useLocation({ select: (location) => location.href });
  if (me === null) {
    return isLeaving() ? null : (
      <Navigate to="/sign-in" search={{ return_to: here }} state={{ ended: true }} replace />
    );
  }
  return <Frame />;
}

function Frame() {
  const [opened, { toggle, close }] = useDisclosure();
  return (
    <AppShell
      header={{ height: { base: 56, sm: 0 } }}
      navbar={{ width: 224, breakpoint: 'sm', collapsed: { mobile: !opened } }}
      padding={0}
    >
      <a className="skip" href="#main">
        Skip to content
      </a>
      <AppShell.Header hiddenFrom="sm">
        <Group h="100%" px="md" justify="space-between">
          <Brand />
          <Burger
            opened={opened}
            onClick={toggle}
            size="sm"
            aria-label={opened ? 'Close menu' : 'Open menu'}
          />
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="sm" className={classes.navbar}>
        <AppShell.Section visibleFrom="sm" px="xs" py="sm">
          <Brand />
        </AppShell.Section>
        <AppShell.Section py="xs">
          <PaletteButton />
        </AppShell.Section>
        <AppShell.Section grow>
          <Menu chosen={close} />
        </AppShell.Section>
        <AppShell.Section>
          <Person />
        </AppShell.Section>
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1} className={classes.main}>
        <div className={classes.page}>
          <Outlet />
        </div>
      </AppShell.Main>
    </AppShell>
  );
}
