import { Checkbox, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useState } from 'react';
import { LIMIT, problemWithUsd, typedUsd, usdField } from '@/ui/decimals';
import { Modal } from '@/ui/dialogs';
import { FormButtons } from '@/ui/FormButtons';
import { fieldErrors } from '@/ui/formErrors';
import { Money } from '@/ui/Money';
import { done } from '@/ui/notices';
import { exactUsd } from '@/ui/numbers';
import { Failed } from '@/ui/states';
import { UsdInput } from '@/ui/UsdInput';
import { newWord, useCorrect } from './api';

const FIELDS = { call_id: 'callId', cost_usd: 'cost', reason: 'reason', again: 'again' };
const SHORTEST_REASON = 3;
const LONGEST_REASON = 500;

type Values = { callId: string; cost: string; reason: string; again: boolean };

type Props = {
  /** Without one it is typed. */
  callId?: string;
  /** What the book has for the call now, where that is known. */
  booked?: string;
  /** Whether somebody corrected it before; undefined: nobody knows. */
  corrected?: boolean;
  close: () => void;
};

/** Says what a call really cost; the book keeps its first entry and gets the difference beside it. */
export function CorrectModal({ callId, booked, corrected, close }: Props) {
  const typed = callId === undefined;
  const [word] = useState(newWord);
  const correct = useCorrect(word);
  const form = useForm<Values>({
    initialValues: { callId: callId ?? '', cost: usdField(booked ?? null), reason: '', again: false },
    validate: {
      callId: (text) => (text.trim() === '' ? 'Say which call: its answer had the id' : null),
      cost: (text) => problemWithUsd(text, LIMIT),
      reason: (text) =>
        text.trim().length < SHORTEST_REASON ? 'Say why, for those who read the book later' : null,
      again: (meant) =>
        corrected === true && !meant ? 'It was corrected before; say that you mean it' : null,
    },
  });
  function save({ callId: call, cost, reason, again }: Values) {
    const body = { call_id: call.trim(), cost_usd: typedUsd(cost), reason: reason.trim(), again };
    correct.mutate(body, {
      onError: (error) => form.setErrors(fieldErrors(error, FIELDS) ?? {}),
      onSuccess: ({ adjustment }) => {
        done(`${exactUsd(adjustment.difference_usd)} is booked`);
        close();
      },
    });
  }
  return (
    <Modal opened onClose={close} title="What did the call really cost?">
      <form noValidate onSubmit={form.onSubmit(save)}>
        <Stack gap="md">
          <Text size="sm" c="dimmed">
            {booked !== undefined && (
              <>
                <Money usd={booked} /> is booked now.{' '}
              </>
            )}
            Say what it cost as a whole: the difference is booked as an entry of its own, and nothing is
            overwritten.
          </Text>
          {booked === undefined && (
            <TextInput
              label="Call"
              placeholder="The x-tollhouse-call-id of its answer"
              readOnly={!typed}
              variant={typed ? 'default' : 'filled'}
              autoComplete="off"
              data-autofocus={typed || undefined}
              {...form.getInputProps('callId')}
            />
          )}
          <UsdInput
            label="True cost in USD"
            description="0 if the provider did not charge it"
            data-autofocus={!typed || undefined}
            {...form.getInputProps('cost')}
          />
          <TextInput
            label="Reason"
            description="The audit log keeps it"
            placeholder="The provider’s invoice says so"
            maxLength={LONGEST_REASON}
            {...form.getInputProps('reason')}
          />
          {corrected !== false && (
            <Checkbox
              label={corrected === true ? 'Correct it again' : 'Also if it was corrected before'}
              {...form.getInputProps('again', { type: 'checkbox' })}
            />
          )}
          {correct.error !== null && fieldErrors(correct.error, FIELDS) === null && (
            <Failed error={correct.error} what="Nothing was booked" />
          )}
          <FormButtons close={close} verb="Book the correction" busy={correct.isPending} />
        </Stack>
      </form>
    </Modal>
  );
}
