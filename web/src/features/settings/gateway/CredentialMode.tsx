import { Alert, Button, Group, Radio, Stack } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useState } from 'react';
import { done } from '@/ui/notices';
import { Failed } from '@/ui/states';
import { type Customer, useChangeCustomer } from '../customer';
import { Card } from '../Section';

type Mode = Customer['settings']['credential_mode'];

const MODES: readonly { value: Mode; label: string; means: string; after: string }[] = [
  {
    value: 'unified',
    label: 'Cloudflare pays the providers',
    means: 'Unified Billing: Cloudflare sells the calls; you need no keys of providers.',
    after: 'Calls to providers that Cloudflare does not sell are refused from now on.',
  },
  {
    value: 'byok',
    label: 'Keys stored at Cloudflare',
    means: 'Bring your own key: the providers’ keys lie in your gateway at Cloudflare.',
    after: 'Calls to providers without a key stored at Cloudflare fail from now on.',
  },
  {
    value: 'pass-through',
    label: 'Your keys, stored here',
    means: 'Tollhouse keeps your providers’ keys sealed and sends them along with each call.',
    after: 'Calls to providers without a key below are refused from now on.',
  },
  {
    value: 'workers-ai',
    label: 'Workers AI only',
    means: 'Models that run at Cloudflare itself; no other provider is called.',
    after: 'Calls to every other provider are refused from now on.',
  },
];

/** Who pays the providers. It takes effect on the next call, so what changes is said before. */
export function CredentialMode({ mode, admin }: { mode: Mode; admin: boolean }) {
  const change = useChangeCustomer();
  const [chosen, setChosen] = useState<Mode>(mode);
  function turnTo(wanted: Mode, said: () => void) {
    change.mutate(
      { credential_mode: wanted },
      {
        onSuccess: () => {
          setChosen(wanted);
          said();
        },
      },
    );
  }
  const next = MODES.find((each) => each.value === chosen);
  return (
    <Card
      title="Who pays the providers"
      about={admin ? 'Holds for all keys of the organisation.' : 'Only admins can change this.'}
    >
      <Radio.Group
        aria-label="Who pays the providers"
        value={chosen}
        onChange={(value) => setChosen(value as Mode)}
      >
        <Stack gap="sm">
          {MODES.map(({ value, label, means }) => (
            <Radio key={value} value={value} label={label} description={means} disabled={!admin} />
          ))}
        </Stack>
      </Radio.Group>
      {chosen !== mode && next !== undefined && (
        <Alert color="yellow" icon={<IconAlertTriangle aria-hidden />} title="This changes calls at once">
          {next.after} Calls on their way are not touched.
        </Alert>
      )}
      {change.error !== null && <Failed error={change.error} what="The mode stays as it was" />}
      {chosen !== mode && (
        <Group gap="sm">
          <Button
            loading={change.isPending}
            onClick={() =>
              turnTo(chosen, () =>
                done('The mode is changed', () => turnTo(mode, () => done('The mode is as it was'))),
              )
            }
          >
            Change it
          </Button>
          <Button variant="subtle" color="gray" onClick={() => setChosen(mode)}>
            Keep as it is
          </Button>
        </Group>
      )}
    </Card>
  );
}
