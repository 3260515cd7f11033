import { Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { api, take } from '@/api/client';
import { Modal } from '@/ui/dialogs';
import { FormButtons } from '@/ui/FormButtons';
import { fieldErrors } from '@/ui/formErrors';
import { done } from '@/ui/notices';
import { Failed } from '@/ui/states';
import { useChange } from '../queries';
import { usePeopleSearch } from '../usePeopleSearch';

export function NewTeamModal({ close }: { close: () => void }) {
  const { go } = usePeopleSearch();
  const create = useChange((name: string) => take(api.POST('/v1/teams', { body: { name } })));
  const form = useForm({
    initialValues: { name: '' },
    validate: { name: (text) => (text.trim() === '' ? 'A team needs a name' : null) },
  });
  const general = create.error !== null && fieldErrors(create.error, { name: 'name' }) === null;
  function save({ name }: { name: string }) {
    create.mutate(name.trim(), {
      onSuccess: ({ team }) => {
        done(`${team.name} is there; now put people into it`);
        close();
        go({ tab: 'teams', team: team.id, user: undefined });
      },
      onError: (error) => form.setErrors(fieldErrors(error, { name: 'name' }) ?? {}),
    });
  }
  return (
    <Modal opened onClose={close} title="New team">
      <form onSubmit={form.onSubmit(save)} noValidate>
        <Stack gap="md">
          <TextInput
            label="Name"
            placeholder="Research"
            maxLength={200}
            data-autofocus
            {...form.getInputProps('name')}
          />
          {general && <Failed error={create.error} what="No team was made" />}
          <FormButtons close={close} verb="Make team" busy={create.isPending} />
        </Stack>
      </form>
    </Modal>
  );
}
