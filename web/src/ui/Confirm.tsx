import { Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { Modal } from './dialogs';
import { Failed } from './states';

type Props = {
  opened: boolean;
  close: () => void;
  title: string;
  children: ReactNode;
  /** On the button: a verb and its thing, "Delete key". */
  verb: string;
  act: () => void;
  busy: boolean;
  error?: unknown;
  /** To be typed before the button works; for what cannot be undone and hurts. */
  typed?: string;
};

/** Asks before what cannot be undone. */
export function Confirm({ opened, close, title, children, verb, act, busy, error, typed }: Props) {
  const [given, setGiven] = useState('');
  return (
    <Modal opened={opened} onClose={close} title={title} centered>
      <Stack gap="md">
        <Text size="sm" component="div">
          {children}
        </Text>
        {typed !== undefined && (
          <TextInput
            label={
              <>
                Type <b>{typed}</b> to confirm
              </>
            }
            value={given}
            onChange={(event) => setGiven(event.currentTarget.value)}
            autoComplete="off"
            data-autofocus
          />
        )}
        {error != null && <Failed error={error} what="It was not done" />}
        <Group justify="flex-end" gap="sm">
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button color="red" onClick={act} loading={busy} disabled={typed !== undefined && given !== typed}>
            {verb}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
