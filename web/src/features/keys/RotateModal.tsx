import { Button, Group, Select, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { Modal } from '@/ui/dialogs';
import { Failed } from '@/ui/states';
import type { Key } from './form';
import { IssuedKey } from './IssuedKey';
import { rotate, useIssuing } from './issuing';

const GRACES = [
  { value: '0', label: 'At once' },
  { value: '3600', label: 'In an hour' },
  { value: '86400', label: 'In a day' },
  { value: '604800', label: 'In a week' },
  { value: '2592000', label: 'In 30 days' },
];

/** `rotated`: the key has another hash now, and so another address. */
type Props = { of: Key; close: () => void; rotated: (hash: string) => void };

export function RotateModal({ of: key, close, rotated }: Props) {
  const issuing = useIssuing();
  const [grace, setGrace] = useState('86400');
  const { issued } = issuing;
  function leave() {
    issuing.forget();
    close();
    if (issued !== null) rotated(issued.key.hash);
  }
  return (
    <Modal
      opened
      onClose={leave}
      size="lg"
      title={issued === null ? `Rotate “${key.name}”` : `The new key of “${key.name}”`}
      closeOnClickOutside={issued === null}
      closeOnEscape={issued === null}
    >
      {issued === null ? (
        <Stack gap="md">
          <Text size="sm">
            The key gets a new secret. Budget, models, history and everything else stay. The hash, which is
            the key’s name in addresses, becomes another one.
          </Text>
          <Select
            label="The former key ends"
            description="Until then both work, so that whoever uses it has time to change"
            data={GRACES}
            value={grace}
            onChange={(value) => setGrace(value ?? '0')}
            allowDeselect={false}
          />
          {issuing.error !== null && <Failed error={issuing.error} what="The key stays as it was" />}
          <Group justify="flex-end" gap="sm">
            <Button variant="default" onClick={leave}>
              Cancel
            </Button>
            <Button
              loading={issuing.busy}
              color={grace === '0' ? 'red' : 'pine'}
              onClick={() => void issuing.ask(() => rotate(key.hash, Number(grace)))}
            >
              Rotate key
            </Button>
          </Group>
        </Stack>
      ) : (
        <IssuedKey issued={issued} done={leave} />
      )}
    </Modal>
  );
}
