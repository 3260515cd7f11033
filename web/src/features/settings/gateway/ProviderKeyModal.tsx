import { Autocomplete, PasswordInput, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';
import { api, take } from '@/api/client';
import { modelPatternsQuery } from '@/ui/budgets/api';
import { Modal } from '@/ui/dialogs';
import { FormButtons } from '@/ui/FormButtons';
import { fieldErrors } from '@/ui/formErrors';
import { done } from '@/ui/notices';
import { Failed } from '@/ui/states';
import { useChange } from '../customer';

const FIELDS = { provider: 'provider', secret: 'secret' };

/** Takes a key in. It is in this form's state until the form closes, and nowhere else. */
export function ProviderKeyModal({ provider, close }: { provider: string; close: () => void }) {
  const { data: patterns = [] } = useQuery(modelPatternsQuery);
  const providers = patterns.filter((each) => each.endsWith('/*')).map((each) => each.slice(0, -2));
  const put = useChange('provider-keys', (given: { provider: string; secret: string }) =>
    take(
      api.PUT('/v1/customers/me/provider-keys/{provider}', {
        params: { path: { provider: given.provider } },
        body: { secret: given.secret },
      }),
    ),
  );
  const form = useForm({
    initialValues: { provider, secret: '' },
    validate: {
      provider: (text) => (text.trim() === '' ? 'Say whose key it is' : null),
      secret: (text) =>
        /^[\x21-\x7e]{8,500}$/.test(text.trim()) ? null : '8 to 500 plain characters without spaces',
    },
  });
  const general = put.error !== null && fieldErrors(put.error, FIELDS) === null;
  function save(values: { provider: string; secret: string }) {
    put.mutate(
      { provider: values.provider.trim(), secret: values.secret.trim() },
      {
        onSuccess: ({ provider_key }) => {
          done(`The key for ${provider_key.provider} is stored`);
          close();
        },
        onError: (error) => form.setErrors(fieldErrors(error, FIELDS) ?? {}),
      },
    );
  }
  return (
    <Modal opened onClose={close} title={provider === '' ? 'Store a key' : `Replace the key for ${provider}`}>
      <form onSubmit={form.onSubmit(save)} noValidate autoComplete="off">
        <Stack gap="md">
          {provider === '' ? (
            <Autocomplete
              label="Provider"
              placeholder="openai"
              data={providers}
              openOnFocus={false}
              data-autofocus
              {...form.getInputProps('provider')}
            />
          ) : (
            <TextInput label="Provider" readOnly variant="filled" {...form.getInputProps('provider')} />
          )}
          <PasswordInput
            label="Key"
            description="As the provider gave it, without “Bearer”"
            autoComplete="new-password"
            visibilityToggleButtonProps={{ 'aria-label': 'Show or hide the key' }}
            {...form.getInputProps('secret')}
          />
          {general && <Failed error={put.error} what="Nothing was stored" />}
          <FormButtons close={close} verb="Store key" busy={put.isPending} />
        </Stack>
      </form>
    </Modal>
  );
}
