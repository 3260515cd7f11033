/** Short words at the edge of the page: what was done, with a way back where that is harmless. */

import { Button, Group, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { told } from '@/api/problem';

const UNDO_MS = 8_000;

export function done(message: string, undo?: () => void): void {
  const id = `done-${Date.now()}`;
  const withUndo = (
    <Group justify="space-between" gap="sm" wrap="nowrap">
      <Text size="sm">{message}</Text>
      <Button
        size="compact-sm"
        variant="subtle"
        onClick={() => {
          notifications.hide(id);
          undo?.();
        }}
      >
        Undo
      </Button>
    </Group>
  );
  notifications.show({
    id,
    message: undo === undefined ? message : withUndo,
    color: 'pine',
    autoClose: undo === undefined ? 4_000 : UNDO_MS,
  });
}

export function failed(error: unknown, what = 'It was not done'): void {
  notifications.show({ title: what, message: told(error), color: 'red', autoClose: 10_000 });
}
