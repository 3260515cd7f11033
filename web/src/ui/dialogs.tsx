/** Mantine's dialogs, which give the focus back to what opened them. */

import {
  type DrawerProps,
  Drawer as MantineDrawer,
  Modal as MantineModal,
  type ModalProps,
} from '@mantine/core';
import { useLayoutEffect } from 'react';

export function Modal(props: ModalProps) {
  useFocusBack(props.opened);
  return <MantineModal {...props} />;
}

export function Drawer(props: DrawerProps) {
  useFocusBack(props.opened);
  return <MantineDrawer {...props} />;
}

/** Mantine does it when `opened` becomes false; most of ours are taken out of the page instead. */
function useFocusBack(opened: boolean) {
  useLayoutEffect(() => {
    if (!opened) return;
    const home = homeOf(document.activeElement);
    return () => {
      window.setTimeout(() => {
        if (document.activeElement === document.body) home?.focus({ preventScroll: true });
      });
    };
  }, [opened]);
}

/** An item of a menu goes away with it: its home is the button that the menu hangs on. */
function homeOf(active: Element | null): HTMLElement | null {
  const menu = active?.closest('[role="menu"]')?.getAttribute('aria-labelledby');
  const home = menu == null ? active : document.getElementById(menu);
  return home instanceof HTMLElement ? home : null;
}
