import { Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import type { Schemas } from '@/api/client';
import { fieldErrors } from '@/ui/formErrors';
import { done } from '@/ui/notices';
import { Failed } from '@/ui/states';
import { type Customer, useChangeCustomer } from '../customer';
import { SaveBar } from '../SaveBar';
import { Card } from '../Section';

const FIELDS = { name: 'name', billing_email: 'billing' };
const EMAIL = /^[^@\s]{1,64}@[^@\s]{1,189}$/;

export function ProfileForm({ customer }: { customer: Customer }) {
  const change = useChangeCustomer();
  const form = useForm({
    initialValues: { name: customer.name, billing: customer.billing_email ?? '' },
    validate: {
      name: (text) => (text.trim() === '' ? 'An organisation needs a name' : null),
      billing: (text) =>
        text.trim() === '' || EMAIL.test(text.trim()) ? null : 'An e-mail address, or nothing',
    },
  });
  const general = change.error !== null && fieldErrors(change.error, FIELDS) === null;
  function put(body: Schemas['CustomerPatch'], said: () => void) {
    change.mutate(body, {
      onSuccess: ({ customer: now }) => {
        form.setInitialValues({ name: now.name, billing: now.billing_email ?? '' });
        form.reset();
        said();
      },
      onError: (error) => form.setErrors(fieldErrors(error, FIELDS) ?? {}),
    });
  }
  function save({ name, billing }: { name: string; billing: string }) {
    const before = { name: customer.name, billing_email: customer.billing_email };
    put({ name: name.trim(), billing_email: billing.trim() || null }, () =>
      done('The organisation is saved', () => put(before, () => done('The organisation is as it was'))),
    );
  }
  return (
    <Card title="Name and invoices">
      <form onSubmit={form.onSubmit(save)} noValidate>
        <Stack gap="md" maw={460}>
          <TextInput label="Name" maxLength={200} {...form.getInputProps('name')} />
          <TextInput
            label="Billing e-mail"
            description={`Where invoices go; without one, to ${customer.email}`}
            type="email"
            {...form.getInputProps('billing')}
          />
          {general && <Failed error={change.error} what="Nothing was saved" />}
          <SaveBar dirty={form.isDirty()} busy={change.isPending} reset={form.reset} />
        </Stack>
      </form>
    </Card>
  );
}
