import { Stack, Switch } from '@mantine/core';
import { Modal } from '@/ui/dialogs';
import { FormButtons } from '@/ui/FormButtons';
import { done } from '@/ui/notices';
import { Failed } from '@/ui/states';
import { useNarrow } from '@/ui/useNarrow';
import { useChangeKey } from './changes';
import { formOf, type Key, type KeyForm, patchOf } from './form';
import { KeyFields } from './KeyFields';
import { useKeyForm } from './useKeyForm';

/** `proposed`: what was tried out and is to be applied; it stands in the form and is saved by a person. */
type Props = { of: Key; proposed?: Partial<KeyForm> | undefined; close: () => void };

export function EditKeyModal({ of: key, proposed, close }: Props) {
  const narrow = useNarrow();
  const before = formOf(key);
  const change = useChangeKey();
  const { form, rules, refused, isAboutField } = useKeyForm({ ...before, ...proposed }, before);
  function save(values: KeyForm) {
    const patch = patchOf(before, values);
    if (Object.keys(patch).length === 0) return close();
    change.mutate(
      { key, patch },
      {
        onError: refused,
        onSuccess: () => {
          done('The key is changed');
          close();
        },
      },
    );
  }
  return (
    <Modal opened onClose={close} size="lg" title={`Edit “${key.name}”`} fullScreen={narrow}>
      <form noValidate onSubmit={form.onSubmit(save)}>
        <Stack gap="md">
          <KeyFields form={form} rules={rules} />
          <Switch
            label="Disabled"
            description="Calls with the key are refused until it is enabled again"
            {...form.getInputProps('disabled', { type: 'checkbox' })}
          />
          {change.error !== null && !isAboutField(change.error) && (
            <Failed error={change.error} what="The key stays as it was" />
          )}
          <FormButtons close={close} verb="Save" busy={change.isPending} />
        </Stack>
      </form>
    </Modal>
  );
}
