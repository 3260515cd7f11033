import { Button, Group, Stack, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Schemas, take } from '@/api/client';
import { Modal } from '@/ui/dialogs';
import { SecretOnce } from '@/ui/SecretOnce';
import { Failed } from '@/ui/states';
import { When } from '@/ui/When';
import type { User } from '../queries';

/** A link with which somebody sets a new password: made when asked for, shown once, held in this state only. */
export function ResetLink({ user, close }: { user: User; close: () => void }) {
  const [made, setMade] = useState<Schemas['ResetAnswer'] | null>(null);
  const make = useMutation({
    gcTime: 0,
    mutationFn: async () => {
      const path = { user_id: user.id };
      setMade(await take(api.POST('/v1/users/{user_id}/password-reset', { params: { path } })));
    },
  });
  return (
    <Modal
      opened
      onClose={close}
      title={`Password link for ${user.name}`}
      closeOnClickOutside={made === null}
    >
      {made === null ? (
        <Stack gap="md">
          <Text size="sm">
            Whoever has the link sets a new password for {user.email}, once. An earlier link of theirs stops
            working; the present password works until the new one is set.
          </Text>
          {make.isError && <Failed error={make.error} what="No link was made" />}
          <Group justify="flex-end" gap="sm">
            <Button variant="default" onClick={close}>
              Cancel
            </Button>
            <Button loading={make.isPending} onClick={() => make.mutate()}>
              Make the link
            </Button>
          </Group>
        </Stack>
      ) : (
        <SecretOnce secret={made.link} what="password link" done={close}>
          <Text size="sm" c="dimmed">
            Works once, until <When at={made.expires_at} style="minute" />. Hand it to {user.name} yourself.
          </Text>
        </SecretOnce>
      )}
    </Modal>
  );
}
