import { ActionIcon, Button, Menu } from '@mantine/core';
import {
  IconDots,
  IconPencil,
  IconPlayerPause,
  IconPlayerPlay,
  IconRefresh,
  IconTestPipe,
  IconTrash,
} from '@tabler/icons-react';
import { seesAll, useMe } from '@/api/me';
import { useSwitch } from './changes';
import type { Key } from './form';
import { mayChange, mayEnd } from './rights';

export type Deed = 'edit' | 'rotate' | 'delete' | 'what-if';

/** What this person may do with the key. */
export function Actions({ of: key, open }: { of: Key; open: (deed: Deed) => void }) {
  const me = useMe();
  const turn = useSwitch();
  const changes = mayChange(me, key);
  const ends = mayEnd(me, key);
  const Turn = key.disabled ? IconPlayerPlay : IconPlayerPause;
  return (
    <>
      {seesAll(me) && (
        <Button
          variant="default"
          leftSection={<IconTestPipe size={16} aria-hidden />}
          onClick={() => open('what-if')}
        >
          What if…
        </Button>
      )}
      {changes && (
        <Button leftSection={<IconPencil size={16} aria-hidden />} onClick={() => open('edit')}>
          Edit
        </Button>
      )}
      {(changes || ends) && (
        <Menu position="bottom-end" width={180}>
          <Menu.Target>
            <ActionIcon variant="default" size={36} aria-label="More actions">
              <IconDots size={18} aria-hidden />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            {changes && (
              <Menu.Item
                leftSection={<Turn size={16} aria-hidden />}
                onClick={() => turn([key], !key.disabled)}
              >
                {key.disabled ? 'Enable' : 'Disable'}
              </Menu.Item>
            )}
            {ends && (
              <Menu.Item leftSection={<IconRefresh size={16} aria-hidden />} onClick={() => open('rotate')}>
                Rotate
              </Menu.Item>
            )}
            {ends && (
              <Menu.Item
                c="var(--mantine-color-error)"
                leftSection={<IconTrash size={16} aria-hidden />}
                onClick={() => open('delete')}
              >
                Delete
              </Menu.Item>
            )}
          </Menu.Dropdown>
        </Menu>
      )}
    </>
  );
}
