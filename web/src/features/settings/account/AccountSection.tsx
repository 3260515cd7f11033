import { SegmentedControl, Stack, TextInput, useMantineColorScheme } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, take } from '@/api/client';
import { meQuery, useMe } from '@/api/me';
import { fieldErrors } from '@/ui/formErrors';
import { done } from '@/ui/notices';
import { Failed } from '@/ui/states';
import { SaveBar } from '../SaveBar';
import { Card, Section } from '../Section';
import { PasswordForm } from './PasswordForm';
import { Sessions } from './Sessions';

export default function AccountSection() {
  return (
    <Section id="account">
      <NameForm />
      <PasswordForm />
      <Sessions />
      <Appearance />
    </Section>
  );
}

function NameForm() {
  const me = useMe();
  const client = useQueryClient();
  const change = useMutation({
    mutationFn: (name: string) => take(api.PATCH('/v1/me', { body: { name } })),
    onSuccess: () => client.invalidateQueries({ queryKey: meQuery.queryKey }),
  });
  const form = useForm({
    initialValues: { name: me.user.name },
    validate: { name: (text) => (text.trim() === '' ? 'Say what others call you' : null) },
  });
  const general = change.error !== null && fieldErrors(change.error, { name: 'name' }) === null;
  function save({ name }: { name: string }) {
    change.mutate(name.trim(), {
      onSuccess: () => {
        form.setInitialValues({ name: name.trim() });
        form.reset();
        done('Your name is changed');
      },
      onError: (error) => form.setErrors(fieldErrors(error, { name: 'name' }) ?? {}),
    });
  }
  return (
    <Card title="You">
      <form onSubmit={form.onSubmit(save)} noValidate>
        <Stack gap="md" maw={460}>
          <TextInput label="Name" autoComplete="name" maxLength={200} {...form.getInputProps('name')} />
          <TextInput
            label="E-mail address"
            description="With which you sign in"
            readOnly
            variant="filled"
            value={me.user.email}
          />
          {general && <Failed error={change.error} what="Your name stays as it was" />}
          <SaveBar dirty={form.isDirty()} busy={change.isPending} reset={form.reset} />
        </Stack>
      </form>
    </Card>
  );
}

function Appearance() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Card title="Appearance" about="Of this browser.">
      <SegmentedControl
        aria-label="Appearance"
        w="fit-content"
        maw="100%"
        data={[
          { value: 'auto', label: 'Like the system' },
          { value: 'light', label: 'Light' },
          { value: 'dark', label: 'Dark' },
        ]}
        value={colorScheme}
        onChange={(scheme) => setColorScheme(scheme as 'auto' | 'light' | 'dark')}
      />
    </Card>
  );
}
