import { Select, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { LIMIT, problemWithUsd, typedUsd } from '@/ui/decimals';
import { FormButtons } from '@/ui/FormButtons';
import { fieldErrors } from '@/ui/formErrors';
import { Money } from '@/ui/Money';
import { done } from '@/ui/notices';
import { Failed } from '@/ui/states';
import { Modal } from '../dialogs';
import { type Limit, useRaise } from './api';
import { ends, type RaiseEnd, until, untilProblem } from './raise';
import { everyWords } from './windows';

type Values = { extra: string; end: RaiseEnd; typed: string; reason: string };

/** More money for a while, without changing what was agreed. */
export function RaiseModal({ limit, close }: { limit: Limit; close: () => void }) {
  const raise = useRaise();
  const form = useForm<Values>({
    initialValues: { extra: '', end: limit.resets_at === null ? 'day' : 'reset', typed: '', reason: '' },
    validate: {
      extra: (typed) => problemWithUsd(typed, { ...LIMIT, atLeast: 'more' }),
      reason: (text) => (text.trim() === '' ? 'Say why; the audit log keeps it' : null),
      typed: (typed, { end }) =>
        end === 'other' ? untilProblem(end, typed, limit.resets_at, new Date()) : null,
    },
  });
  const fields = {
    extra_usd: 'extra',
    until: form.values.end === 'other' ? 'typed' : 'end',
    reason: 'reason',
  };
  const general = raise.error !== null && fieldErrors(raise.error, fields) === null;
  function save(values: Values) {
    const chosen = until(values.end, values.typed, limit.resets_at, new Date());
    if (chosen === null) return;
    const body = { extra_usd: typedUsd(values.extra), until: chosen, reason: values.reason.trim() };
    raise.mutate(
      { id: limit.id, body },
      {
        onSuccess: () => {
          done('The budget is raised');
          close();
        },
        onError: (error) => form.setErrors(fieldErrors(error, fields) ?? {}),
      },
    );
  }
  return (
    <Modal opened onClose={close} title="Raise for a while">
      <form onSubmit={form.onSubmit(save)} noValidate>
        <Stack gap="md">
          <Text size="sm" c="dimmed">
            On top of <Money usd={limit.limit_usd} /> {everyWords(limit.reset)}. It ends by itself.
          </Text>
          <TextInput
            label="How much more, in US dollars"
            leftSection="$"
            inputMode="decimal"
            placeholder="10.00"
            data-autofocus
            {...form.getInputProps('extra')}
          />
          <Select
            label="How long"
            data={ends(limit.resets_at)}
            allowDeselect={false}
            {...form.getInputProps('end')}
          />
          {form.values.end === 'other' && (
            <TextInput type="datetime-local" label="Until" {...form.getInputProps('typed')} />
          )}
          <TextInput
            label="Reason"
            placeholder="Load test before the launch"
            {...form.getInputProps('reason')}
          />
          {general && <Failed error={raise.error} what="The budget stays as it was" />}
          <FormButtons close={close} verb="Raise" busy={raise.isPending} />
        </Stack>
      </form>
    </Modal>
  );
}
