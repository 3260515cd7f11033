import { Alert, Radio, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQueryClient } from '@tanstack/react-query';
import { api, type Schemas, take } from '@/api/client';
import { LIMIT, problemWithUsd, typedUsd } from '@/ui/decimals';
import { Modal } from '@/ui/dialogs';
import { FormButtons } from '@/ui/FormButtons';
import { fieldErrors } from '@/ui/formErrors';
import { Money } from '@/ui/Money';
import { done } from '@/ui/notices';
import { usd } from '@/ui/numbers';
import { Failed } from '@/ui/states';
import { useChange } from '../customer';

type Values = { part: 'all' | 'some'; amount: string; reason: string };

const FIELDS = { amount_usd: 'amount', reason: 'reason' };

/** Gives up on money of a lost machine, so that it can be used again. */
export function ReleaseModal({
  budgetId,
  amount,
  close,
}: {
  budgetId: number;
  amount: string;
  close: () => void;
}) {
  const client = useQueryClient();
  const release = useChange('ledger', (body: Schemas['ReleaseIn']) =>
    take(api.POST('/v1/ledger/doubt/release', { body })),
  );
  const form = useForm<Values>({
    initialValues: { part: 'all', amount: '', reason: '' },
    validate: {
      amount: (typed, { part }) => (part === 'some' ? problemWithUsd(typed, LIMIT) : null),
      reason: (text) => (text.trim().length < 3 ? 'Say why; the audit log keeps it' : null),
    },
  });
  const general = release.error !== null && fieldErrors(release.error, FIELDS) === null;
  function save(values: Values) {
    const how = values.part === 'all' ? { all: true as const } : { amount_usd: typedUsd(values.amount) };
    release.mutate(
      { budget_id: budgetId, reason: values.reason.trim(), ...how },
      {
        onSuccess: (made) => {
          void client.invalidateQueries({ queryKey: ['limits'] });
          done(`${usd(made.released_usd)} can be used again`);
          close();
        },
        onError: (error) => form.setErrors(fieldErrors(error, FIELDS) ?? {}),
      },
    );
  }
  return (
    <Modal opened onClose={close} title={`Release money of budget ${budgetId}`}>
      <form onSubmit={form.onSubmit(save)} noValidate>
        <Stack gap="md">
          <Alert color="yellow">
            Should the machine come back after all and its calls have cost something, the budget may be
            exceeded by that much.
          </Alert>
          <Radio.Group label="How much" {...form.getInputProps('part')}>
            <Stack gap={6} mt={4}>
              <Radio value="all" label="All that can be released" />
              <Radio value="some" label="A part of it" />
            </Stack>
          </Radio.Group>
          {form.values.part === 'some' && (
            <TextInput
              label="Amount in US dollars"
              description={
                <>
                  Of <Money usd={amount} /> in this lease
                </>
              }
              leftSection="$"
              inputMode="decimal"
              {...form.getInputProps('amount')}
            />
          )}
          <TextInput label="Reason" maxLength={500} data-autofocus {...form.getInputProps('reason')} />
          {general && <Failed error={release.error} what="Nothing was released" />}
          <FormButtons close={close} verb="Release" busy={release.isPending} color="red" />
        </Stack>
      </form>
    </Modal>
  );
}
