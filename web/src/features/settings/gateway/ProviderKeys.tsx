import { Alert, Button, Code, Group, Stack, Text } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { queryOptions, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Schemas, take } from '@/api/client';
import { lazily } from '@/ui/lazily';
import { done } from '@/ui/notices';
import { Failed, LoadingRows } from '@/ui/states';
import { When } from '@/ui/When';
import { useChange } from '../customer';
import { Card } from '../Section';

const ProviderKeyModal = lazily(() => import('./ProviderKeyModal'), 'ProviderKeyModal');
const Confirm = lazily(() => import('@/ui/Confirm'), 'Confirm');

type ProviderKey = Schemas['ProviderKeyOut'];

const providerKeysQuery = queryOptions({
  queryKey: ['settings', 'provider-keys'],
  queryFn: async ({ signal }) =>
    (await take(api.GET('/v1/customers/me/provider-keys', { signal }))).provider_keys,
});

/** Which keys of providers are stored. What they are only ever goes in. */
export function ProviderKeys({ used }: { used: boolean }) {
  const found = useQuery(providerKeysQuery);
  const [setting, setSetting] = useState<{ provider: string } | null>(null);
  const [removing, setRemoving] = useState<ProviderKey | null>(null);
  return (
    <Card
      title="Keys of providers"
      about="Sealed when they come in, and shown to nobody again."
      actions={
        <Button
          variant="default"
          leftSection={<IconPlus size={16} aria-hidden />}
          onClick={() => setSetting({ provider: '' })}
        >
          Store a key
        </Button>
      }
    >
      {!used && (
        <Alert color="gray" p="sm">
          They are used only with “Your keys, stored here”.
        </Alert>
      )}
      {found.isError && <Failed error={found.error} again={() => void found.refetch()} />}
      {found.isPending && <LoadingRows rows={1} />}
      {found.data?.length === 0 && (
        <Text size="sm" c="dimmed">
          None is stored.
        </Text>
      )}
      <Stack gap="xs">
        {found.data?.map((key) => (
          <Group key={key.provider} justify="space-between" gap="xs">
            <Group gap="sm">
              <Text size="sm" fw={500}>
                {key.provider}
              </Text>
              <Code>…{key.display}</Code>
              <Text size="xs" c="dimmed">
                stored <When at={key.created_at} />
              </Text>
            </Group>
            <Group gap={4}>
              <Button
                size="compact-xs"
                variant="subtle"
                onClick={() => setSetting({ provider: key.provider })}
              >
                Replace
              </Button>
              <Button size="compact-xs" variant="subtle" color="red" onClick={() => setRemoving(key)}>
                Remove
              </Button>
            </Group>
          </Group>
        ))}
      </Stack>
      {setting !== null && <ProviderKeyModal provider={setting.provider} close={() => setSetting(null)} />}
      {removing !== null && <Remove stored={removing} used={used} close={() => setRemoving(null)} />}
    </Card>
  );
}

function Remove({ stored, used, close }: { stored: ProviderKey; used: boolean; close: () => void }) {
  const remove = useChange('provider-keys', () =>
    take(
      api.DELETE('/v1/customers/me/provider-keys/{provider}', {
        params: { path: { provider: stored.provider } },
      }),
    ),
  );
  return (
    <Confirm
      opened
      close={close}
      title={`Remove the key for ${stored.provider}?`}
      verb="Remove key"
      busy={remove.isPending}
      error={remove.error}
      act={() =>
        remove.mutate(undefined, {
          onSuccess: () => {
            done(`The key for ${stored.provider} is removed`);
            close();
          },
        })
      }
    >
      {used ? `Calls to ${stored.provider} are refused from now on.` : 'It is not used at present.'} To have
      it again you need the key itself: nobody can see it here.
    </Confirm>
  );
}
