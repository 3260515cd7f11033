import { Checkbox, Modal, Stack, Text, Textarea } from '@mantine/core';
import { useForm } from '@mantine/form';
import { LIMIT, problemWithUsd, typedUsd, usdField } from '@/ui/decimals';
import { FormButtons } from '@/ui/FormButtons';
import { fieldErrors } from '@/ui/formErrors';
import { Money } from '@/ui/Money';
import { done } from '@/ui/notices';
import { Failed } from '@/ui/states';
import { UsdInput } from '@/ui/UsdInput';
import type { Receipt } from './bill';
import { useAdjust } from './queries';

const FIELDS = { cost_usd: 'cost', reason: 'reason', again: 'again' };
const SHORTEST_REASON = 3;
const LONGEST_REASON = 500;

type Values = { cost: string; reason: string; again: boolean };

/** Says what a call really cost; the book keeps its first entry and gets the difference beside it. */
export function AdjustModal({ receipt, close }: { receipt: Receipt; close: () => void }) {
  const adjust = useAdjust();
  const before = receipt.adjusted_cost_usd;
  const form = useForm<Values>({
    initialValues: { cost: usdField(before ?? receipt.cost_usd), reason: '', again: false },
    validate: {
      cost: (typed) => problemWithUsd(typed, LIMIT),
      reason: (text) => reasonProblem(text.trim()),
      again: (agreed) => (before !== null && !agreed ? 'It was adjusted before; say that you mean it' : null),
    },
  });
  function save(values: Values) {
    const body = {
      call_id: receipt.call_id,
      cost_usd: typedUsd(values.cost),
      reason: values.reason.trim(),
      again: values.again,
    };
    adjust.mutate(body, {
      onError: (error) => form.setErrors(fieldErrors(error, FIELDS) ?? {}),
      onSuccess: () => {
        done('The correction is booked');
        close();
      },
    });
  }
  return (
    <Modal opened onClose={close} title="Adjust the cost of this call">
      <form noValidate onSubmit={form.onSubmit(save)}>
        <Stack gap="md">
          <Text size="sm" c="dimmed">
            <Money usd={before ?? receipt.cost_usd} /> is booked now. Say what the call cost as a whole: the
            difference is booked as an entry of its own, and nothing is overwritten.
          </Text>
          <UsdInput label="True cost in USD" required data-autofocus {...form.getInputProps('cost')} />
          <Textarea
            label="Reason"
            description="The audit log keeps it"
            placeholder="The provider’s invoice says so"
            required
            autosize
            minRows={2}
            {...form.getInputProps('reason')}
          />
          {before !== null && (
            <Checkbox
              label="Adjust it again: it was adjusted before"
              {...form.getInputProps('again', { type: 'checkbox' })}
            />
          )}
          {adjust.error !== null && fieldErrors(adjust.error, FIELDS) === null && (
            <Failed error={adjust.error} what="Nothing was booked" />
          )}
          <FormButtons close={close} verb="Book the correction" busy={adjust.isPending} />
        </Stack>
      </form>
    </Modal>
  );
}

function reasonProblem(reason: string): string | null {
  if (reason.length < SHORTEST_REASON) return 'Say why, for those who read the book later';
  if (/[\n\r]/.test(reason)) return 'In one line';
  return reason.length > LONGEST_REASON ? `At most ${LONGEST_REASON} characters` : null;
}
