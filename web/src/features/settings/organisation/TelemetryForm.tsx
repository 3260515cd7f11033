import { Alert, Stack, Switch } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconEye } from '@tabler/icons-react';
import { fieldErrors } from '@/ui/formErrors';
import { done } from '@/ui/notices';
import { Failed } from '@/ui/states';
import { WholeNumberInput } from '@/ui/WholeNumberInput';
import { type Customer, useChangeCustomer } from '../customer';
import { SaveBar } from '../SaveBar';
import { Card } from '../Section';

const MOST_DAYS = 400;
const FIELDS = { trace_retention_days: 'days', capture_content: 'content' };

type Values = { days: number | string; content: boolean };

function valuesOf(customer: Customer): Values {
  return {
    days: customer.settings.trace_retention_days ?? '',
    content: customer.settings.capture_content,
  };
}

/** What is kept of calls, and for how long. */
export function TelemetryForm({ customer }: { customer: Customer }) {
  const change = useChangeCustomer();
  const form = useForm<Values>({
    initialValues: valuesOf(customer),
    validate: {
      days: (days) =>
        days === '' || (Number.isInteger(Number(days)) && Number(days) >= 1 && Number(days) <= MOST_DAYS)
          ? null
          : `1 to ${MOST_DAYS} days, or nothing`,
    },
  });
  const begins = form.values.content && !customer.settings.capture_content;
  const general = change.error !== null && fieldErrors(change.error, FIELDS) === null;
  function save({ days, content }: Values) {
    change.mutate(
      { trace_retention_days: days === '' ? null : Number(days), capture_content: content },
      {
        onSuccess: ({ customer: now }) => {
          form.setInitialValues(valuesOf(now));
          form.reset();
          done('What is kept of traces is saved');
        },
        onError: (error) => form.setErrors(fieldErrors(error, FIELDS) ?? {}),
      },
    );
  }
  return (
    <Card
      title="Traces"
      about="What is kept of calls, for people to look at. Money is kept in the ledger, for ever."
    >
      <form onSubmit={form.onSubmit(save)} noValidate>
        <Stack gap="md">
          <WholeNumberInput
            label="Days that spans are kept"
            description="Empty: as long as this installation keeps them."
            placeholder="The installation’s own"
            min={1}
            max={MOST_DAYS}
            maw={460}
            {...form.getInputProps('days')}
          />
          <Switch
            label="Keep prompts and answers of spans that you send"
            description="Off: Tollhouse stores who called what, when, with how many tokens, and never the words. On: the words that your own tools send along are stored with the span, without what looks like a key."
            {...form.getInputProps('content', { type: 'checkbox' })}
          />
          {begins && (
            <Alert color="yellow" icon={<IconEye aria-hidden />} title="People will be able to read them">
              Everybody who may see a trace may read its prompts and answers: admins and managers all, members
              their own and their teams’. They stay as long as the spans do. Tell the people whose words these
              are.
            </Alert>
          )}
          {general && <Failed error={change.error} what="Nothing was saved" />}
          <SaveBar dirty={form.isDirty()} busy={change.isPending} reset={form.reset} />
        </Stack>
      </form>
    </Card>
  );
}
