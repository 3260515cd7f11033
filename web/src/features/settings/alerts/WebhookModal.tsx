import { Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useState } from 'react';
import { api, type Schemas, take } from '@/api/client';
import { Modal } from '@/ui/dialogs';
import { FormButtons } from '@/ui/FormButtons';
import { fieldErrors } from '@/ui/formErrors';
import { done } from '@/ui/notices';
import { SecretOnce } from '@/ui/SecretOnce';
import { Failed } from '@/ui/states';
import { useChange } from '../customer';

type Props = { url: string; rotate?: boolean; close: () => void };

/** Sets the address, or makes a new secret. A secret that was made just now is shown, this once. */
export function WebhookModal({ url, rotate = false, close }: Props) {
  const [secret, setSecret] = useState<string | null>(null);
  const set = useChange('webhook', async (body: Schemas['WebhookIn']) => {
    const made = await take(api.PUT('/v1/customers/me/webhook', { body }));
    if (made.secret === null) {
      done('The address is changed; the secret is the same');
      close();
    } else setSecret(made.secret);
  });
  const form = useForm({
    initialValues: { url },
    validate: {
      url: (text) => (URL.canParse(text.trim()) ? null : 'The whole address, beginning with https://'),
    },
  });
  const general = set.error !== null && fieldErrors(set.error, { url: 'url' }) === null;
  function save(values: { url: string }) {
    set.mutate(
      { url: values.url.trim(), rotate_secret: rotate },
      { onError: (error) => form.setErrors(fieldErrors(error, { url: 'url' }) ?? {}) },
    );
  }
  const title = rotate ? 'Make a new secret?' : url === '' ? 'Set a webhook' : 'Change the address';
  return (
    <Modal opened onClose={close} title={title} closeOnClickOutside={secret === null}>
      {secret !== null ? (
        <SecretOnce secret={secret} what="signing secret" done={close} />
      ) : (
        <form onSubmit={form.onSubmit(save)} noValidate>
          <Stack gap="md">
            {rotate ? (
              <Text size="sm">
                The present secret signs nothing any more: until the receiver has the new one, it will refuse
                what we send. Events that it refuses are tried again for a day.
              </Text>
            ) : (
              <TextInput
                label="Address"
                description="https, to a public address"
                placeholder="https://hooks.example.com/tollhouse"
                inputMode="url"
                data-autofocus
                {...form.getInputProps('url')}
              />
            )}
            {general && <Failed error={set.error} what="Nothing was changed" />}
            <FormButtons
              close={close}
              verb={rotate ? 'Make a new secret' : 'Save'}
              busy={set.isPending}
              color={rotate ? 'red' : 'pine'}
            />
          </Stack>
        </form>
      )}
    </Modal>
  );
}
