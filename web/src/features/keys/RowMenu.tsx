import { ActionIcon, Box, Menu } from '@mantine/core';
import { IconDots, IconListTree, IconPlayerPause, IconPlayerPlay, IconTestPipe } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { seesAll, useMe } from '@/api/me';
import { useSwitch } from './changes';
import type { Key } from './form';
import { mayChange } from './rights';

/** What can be done with a key from the list, without going to its page. */
export function RowMenu({ of: key, tryOut }: { of: Key; tryOut: (key: Key) => void }) {
  const me = useMe();
  const turn = useSwitch();
  const Turn = key.disabled ? IconPlayerPlay : IconPlayerPause;
  return (
    // The row opens by a click, and what the menu shows is a part of the row.
    <Box onClick={(event) => event.stopPropagation()} onKeyDown={(event) => event.stopPropagation()}>
      <Menu position="bottom-end" width={190}>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" aria-label={`Actions for ${key.name}`}>
            <IconDots size={18} aria-hidden />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {seesAll(me) && (
            <Menu.Item leftSection={<IconTestPipe size={16} aria-hidden />} onClick={() => tryOut(key)}>
              What if…
            </Menu.Item>
          )}
          <Menu.Item
            leftSection={<IconListTree size={16} aria-hidden />}
            renderRoot={(props) => <Link to="/traces" search={{ range: '30d', key: [key.id] }} {...props} />}
          >
            Traces
          </Menu.Item>
          {mayChange(me, key) && (
            <Menu.Item
              leftSection={<Turn size={16} aria-hidden />}
              onClick={() => turn([key], !key.disabled)}
            >
              {key.disabled ? 'Enable' : 'Disable'}
            </Menu.Item>
          )}
        </Menu.Dropdown>
      </Menu>
    </Box>
  );
}
