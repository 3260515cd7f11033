import { Kbd, UnstyledButton } from '@mantine/core';
import { useHotkeys } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { useState } from 'react';
import { lazily } from '@/ui/lazily';
import classes from './PaletteButton.module.css';

/** Loaded when it is first asked for: most pages are shown without it. */
const Palette = lazily(() => import('./Palette'), 'Palette');

const ON_A_MAC = /Mac|iP(hone|ad)/.test(window.navigator.userAgent);

/** Opens the command palette: by a click, by Ctrl or Cmd and K anywhere, and by `/` where nothing is typed. */
export function PaletteButton({ asked: told }: { asked?: () => void }) {
  const [asked, setAsked] = useState(0);
  function open() {
    told?.();
    setAsked((before) => before + 1);
  }
  useHotkeys([['mod+K', open]], []);
  useHotkeys([['/', open]]);
  return (
    <>
      <UnstyledButton className={classes.button} onClick={open} aria-keyshortcuts="Control+K Meta+K /">
        <IconSearch size={15} aria-hidden />
        <span className={classes.label}>Search</span>
        <Kbd size="xs" aria-hidden visibleFrom="md">
          {ON_A_MAC ? '⌘ K' : 'Ctrl K'}
        </Kbd>
      </UnstyledButton>
      {asked > 0 && <Palette asked={asked} />}
    </>
  );
}
