import { Button, Group, Paper, Text, Transition } from '@mantine/core';
import { IconPlayerPause, IconPlayerPlay } from '@tabler/icons-react';
import { count } from '@/ui/numbers';
import { useSwitch } from './changes';
import type { Key } from './form';

const MOST_AT_ONCE = 1_000;

type Props = { keys: readonly Key[]; clear: () => void };

/** What can be done to all keys that are chosen; it lies over the page, so that nothing jumps. */
export function SelectionBar({ keys, clear }: Props) {
  const turn = useSwitch();
  const most = keys.slice(0, MOST_AT_ONCE);
  function all(disabled: boolean) {
    turn(most, disabled);
    clear();
  }
  return (
    <Transition mounted={keys.length > 0} transition="slide-up">
      {(style) => (
        <Paper
          style={{ ...style, left: '50%', translate: '-50% 0' }}
          shadow="lg"
          withBorder
          p="xs"
          pos="fixed"
          bottom={20}
          maw="calc(100vw - 24px)"
          role="region"
          aria-label="Chosen keys"
        >
          <Group gap="xs" wrap="nowrap">
            <Text size="sm" px="xs" style={{ whiteSpace: 'nowrap' }}>
              {count(keys.length)} chosen
            </Text>
            <Button
              size="xs"
              variant="default"
              leftSection={<IconPlayerPause size={14} aria-hidden />}
              onClick={() => all(true)}
            >
              Disable
            </Button>
            <Button
              size="xs"
              variant="default"
              leftSection={<IconPlayerPlay size={14} aria-hidden />}
              onClick={() => all(false)}
            >
              Enable
            </Button>
            <Button size="xs" variant="subtle" color="gray" onClick={clear}>
              Clear
            </Button>
          </Group>
        </Paper>
      )}
    </Transition>
  );
}
