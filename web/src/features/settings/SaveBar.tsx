import { Button, Group } from '@mantine/core';

type Props = { dirty: boolean; busy: boolean; reset: () => void; label?: string };

/** Keeps its height, so that nothing moves when the first letter is typed. */
export function SaveBar({ dirty, busy, reset, label = 'Save' }: Props) {
  return (
    <Group gap="sm" mih={36}>
      <Button type="submit" disabled={!dirty} loading={busy}>
        {label}
      </Button>
      {dirty && (
        <Button variant="subtle" color="gray" onClick={reset}>
          Undo changes
        </Button>
      )}
    </Group>
  );
}
