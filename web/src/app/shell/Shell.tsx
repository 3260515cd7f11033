/** The frame around every page of somebody who is signed in. */

import { AppShell, Burger, Group } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useSuspenseQuery } from '@tanstack/react-query';
import { Outlet, useRouter } from '@tanstack/react-router';
import { useEffect } from 'react';
import { isLeaving } from '@/api/leaving';
import { meQuery } from '@/api/me';
import { Brand } from '@/ui/Brand';
import { Menu } from './Menu';
import { Person } from './Person';
import { PaletteButton } from './palette/PaletteButton';
import classes from './Shell.module.css';

export function Shell() {
  const { data: me } = useSuspenseQuery(meQuery);
  if (me === null) return isLeaving() ? null : <Ended />;
  return <Frame />;
}

/** The session is over: the page gives way to the sign-in page, which leads back to it. */
function Ended() {
  const router = useRouter();
  useEffect(() => {
    const { href, pathname } = router.state.location;
    if (pathname === '/sign-in') return; // on the way there already
    void router.navigate({
      to: '/sign-in',
      search: { return_to: href },
      state: { ended: true },
      replace: true,
    });
  }, [router]);
  return null;
}

function Frame() {
  const [opened, { toggle, close }] = useDisclosure();
  return (
    <AppShell
      header={{ height: { base: 56, md: 0 } }}
      navbar={{ width: 224, breakpoint: 'md', collapsed: { mobile: !opened } }}
      padding={0}
    >
      <a className="skip" href="#main">
        Skip to content
      </a>
      <AppShell.Header hiddenFrom="md">
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
        <AppShell.Section visibleFrom="md" px="xs" py="sm">
          <Brand />
        </AppShell.Section>
        <AppShell.Section py="xs">
          <PaletteButton asked={close} />
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
