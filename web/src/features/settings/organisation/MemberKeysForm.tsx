import { SimpleGrid, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { fieldErrors } from '@/ui/formErrors';
import { ModelSelect } from '@/ui/ModelSelect';
import { done } from '@/ui/notices';
import { Failed } from '@/ui/states';
import { WholeNumberInput } from '@/ui/WholeNumberInput';
import { type Customer, useChangeCustomer } from '../customer';
import { SaveBar } from '../SaveBar';
import { Card } from '../Section';
import { bodyOf, formOf, problemsOf, type MemberKeysForm as Values } from './memberKeys';

const FIELDS = {
  'member_keys.max_budget_usd': 'budget',
  'member_keys.allowed_models': 'models',
  'member_keys.max_keys': 'keys',
};

export function MemberKeysForm({ customer }: { customer: Customer }) {
  const change = useChangeCustomer();
  const form = useForm<Values>({
    initialValues: formOf(customer.settings.member_keys),
    validate: problemsOf,
  });
  const general = change.error !== null && fieldErrors(change.error, FIELDS) === null;
  function save(values: Values) {
    change.mutate(
      { member_keys: bodyOf(values) },
      {
        onSuccess: ({ customer: now }) => {
          form.setInitialValues(formOf(now.settings.member_keys));
          form.reset();
          done('The limits hold for keys that members make from now on');
        },
        onError: (error) => form.setErrors(fieldErrors(error, FIELDS) ?? {}),
      },
    );
  }
  return (
    <Card
      title="Keys that members make"
      about="Limits for keys that members make by themselves. Admins and managers may give more; keys that exist stay as they are."
    >
      <form onSubmit={form.onSubmit(save)} noValidate>
        <Stack gap="md">
          <SimpleGrid cols={{ base: 1, sm: 2 }}>
            <TextInput
              label="Greatest budget of a key"
              description="With it, each key must have a budget"
              placeholder="Not limited"
              leftSection="$"
              inputMode="decimal"
              {...form.getInputProps('budget')}
            />
            <WholeNumberInput
              label="Most keys of a member"
              description="0: members make none"
              placeholder="Not limited"
              min={0}
              {...form.getInputProps('keys')}
            />
          </SimpleGrid>
          <ModelSelect
            label="Models they may choose from"
            description="Several of a provider by the beginning of their names and *"
            value={form.values.models}
            onChange={(models) => form.setFieldValue('models', models)}
            error={form.errors.models}
          />
          {general && <Failed error={change.error} what="Nothing was saved" />}
          <SaveBar dirty={form.isDirty()} busy={change.isPending} reset={form.reset} />
        </Stack>
      </form>
    </Card>
  );
}
