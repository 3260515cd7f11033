import { Checkbox, Modal, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useState } from 'react';
import { api, take } from '@/api/client';
import { amountOf, amountProblem } from '@/ui/budgets/windows';
import { FormButtons } from '@/ui/FormButtons';
import { fieldErrors } from '@/ui/formErrors';
import { done } from '@/ui/notices';
import { exactUsd } from '@/ui/numbers';
import { Failed } from '@/ui/states';
import { useChange } from '../customer';
import { requestWord } from './queries';

type Values = { callId: string; cost: string; reason: string; again: boolean };

const FIELDS = { call_id: 'callId', cost_usd: 'cost', reason: 'reason', again: 'again' };

/** Says what a call really cost; the difference to what is booked is booked. */
export function AdjustModal({ callId = '', close }: { callId?: string; close: () => void }) {
  const [word] = useState(requestWord);
  const adjust = useChange('ledger', (values: Values) =>
    take(
      api.POST('/v1/ledger/adjustments', {
        params: { header: { 'idempotency-key': word } },
        body: {
          call_id: values.callId.trim(),
          cost_usd: amountOf(values.cost),
          reason: values.reason.trim(),
          again: values.again,
        },
      }),
    ),
  );
  const form = useForm<Values>({
    initialValues: { callId, cost: '', reason: '', again: false },
    validate: {
      callId: (text) => (text.trim() === '' ? 'The x-tollhouse-call-id of its answer' : null),
      cost: amountProblem,
      reason: (text) => (text.trim().length < 3 ? 'Say why; the audit log keeps it' : null),
    },
  });
  const general = adjust.error !== null && fieldErrors(adjust.error, FIELDS) === null;
  function save(values: Values) {
    adjust.mutate(values, {
      onSuccess: ({ adjustment }) => {
        done(`${exactUsd(adjustment.difference_usd)} is booked`);
        close();
      },
      onError: (error) => form.setErrors(fieldErrors(error, FIELDS) ?? {}),
    });
  }
  return (
    <Modal opened onClose={close} title="What did the call really cost?">
      <form onSubmit={form.onSubmit(save)} noValidate>
        <Stack gap="md">
          <TextInput
            label="Call"
            readOnly={callId !== ''}
            variant={callId === '' ? 'default' : 'filled'}
            autoComplete="off"
            {...form.getInputProps('callId')}
          />
          <TextInput
            label="Its whole cost, in US dollars"
            description="0 if the provider did not charge it"
            leftSection="$"
            inputMode="decimal"
            data-autofocus
            {...form.getInputProps('cost')}
          />
          <TextInput
            label="Reason"
            placeholder="Provider’s invoice of November"
            maxLength={500}
            {...form.getInputProps('reason')}
          />
          <Checkbox
            label="Also if it was corrected before"
            {...form.getInputProps('again', { type: 'checkbox' })}
          />
          <Text size="xs" c="dimmed">
            The difference is an entry of its own: nothing that was booked is ever changed.
          </Text>
          {general && <Failed error={adjust.error} what="Nothing was booked" />}
          <FormButtons close={close} verb="Book the difference" busy={adjust.isPending} />
        </Stack>
      </form>
    </Modal>
  );
}
