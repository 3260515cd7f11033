import { SegmentedControl, Select, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useState } from 'react';
import { api, type Schemas, take } from '@/api/client';
import { Modal } from '@/ui/dialogs';
import { FormButtons } from '@/ui/FormButtons';
import { fieldErrors } from '@/ui/formErrors';
import { SecretOnce } from '@/ui/SecretOnce';
import { Failed } from '@/ui/states';
import { useChange } from '../customer';
import { ScopeChecklist } from './ScopeChecklist';
import { expiryOf, LIFETIMES, type Lifetime, type Scope } from './scopes';

type Values = { name: string; lifetime: Lifetime; breadth: 'narrow' | 'full'; scopes: Scope[] };

const FIELDS = { name: 'name', expires_at: 'lifetime', scopes: 'scopes' };

export function NewTokenModal({ close }: { close: () => void }) {
  const [raw, setRaw] = useState<string | null>(null);
  return (
    <Modal opened onClose={close} title="New API token" size="lg" closeOnClickOutside={raw === null}>
      {raw === null ? (
        <TokenForm close={close} made={setRaw} />
      ) : (
        <SecretOnce secret={raw} what="API token" done={close} />
      )}
    </Modal>
  );
}

function TokenForm({ close, made }: { close: () => void; made: (raw: string) => void }) {
  const create = useChange('tokens', async (body: Schemas['TokenIn']) => {
    made((await take(api.POST('/v1/tokens', { body }))).raw_token);
  });
  const form = useForm<Values>({
    initialValues: { name: '', lifetime: '90', breadth: 'narrow', scopes: [] },
    validate: {
      name: (text) => (text.trim() === '' ? 'Say what it is for' : null),
      scopes: (scopes, { breadth }) =>
        breadth === 'narrow' && scopes.length === 0 ? 'Choose at least one' : null,
    },
  });
  const general = create.error !== null && fieldErrors(create.error, FIELDS) === null;
  function save(values: Values) {
    create.mutate(
      {
        name: values.name.trim(),
        expires_at: expiryOf(values.lifetime, new Date()),
        scopes: values.breadth === 'full' ? null : values.scopes,
      },
      { onError: (error) => form.setErrors(fieldErrors(error, FIELDS) ?? {}) },
    );
  }
  return (
    <form onSubmit={form.onSubmit(save)} noValidate>
      <Stack gap="md">
        <TextInput
          label="Name"
          placeholder="CI pipeline"
          maxLength={200}
          data-autofocus
          autoComplete="off"
          {...form.getInputProps('name')}
        />
        <Select
          label="Ends after"
          data={LIFETIMES}
          allowDeselect={false}
          {...form.getInputProps('lifetime')}
        />
        <Stack gap={6}>
          <Text size="sm" fw={500}>
            What it may do
          </Text>
          <SegmentedControl
            aria-label="What it may do"
            data={[
              { value: 'narrow', label: 'What you choose' },
              { value: 'full', label: 'All you may do' },
            ]}
            {...form.getInputProps('breadth')}
          />
        </Stack>
        {form.values.breadth === 'narrow' ? (
          <ScopeChecklist
            chosen={form.values.scopes}
            change={(scopes) => form.setFieldValue('scopes', scopes)}
            error={form.errors.scopes}
          />
        ) : (
          <Text size="sm" c="dimmed">
            Whoever has it can do what you can, except what takes a person at the screen: passwords, sessions,
            tokens, deleting the organisation.
          </Text>
        )}
        {general && <Failed error={create.error} what="No token was made" />}
        <FormButtons close={close} verb="Make token" busy={create.isPending} />
      </Stack>
    </form>
  );
}
