import { Button, Group, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { api, take } from '@/api/client';
import { fieldErrors } from '@/ui/formErrors';
import { done, failed } from '@/ui/notices';
import { type Team, useChange } from '../queries';

function rename(id: string, name: string) {
  return take(api.PATCH('/v1/teams/{team_id}', { params: { path: { team_id: id } }, body: { name } }));
}

export function TeamName({ team }: { team: Team }) {
  const change = useChange((name: string) => rename(team.id, name));
  const form = useForm({
    initialValues: { name: team.name },
    validate: { name: (text) => (text.trim() === '' ? 'A team needs a name' : null) },
  });
  function save({ name }: { name: string }) {
    const before = team.name;
    change.mutate(name.trim(), {
      onSuccess: () =>
        done('The team is renamed', () =>
          change.mutate(before, { onSuccess: () => form.setValues({ name: before }) }),
        ),
      onError: (error) => {
        const found = fieldErrors(error, { name: 'name' });
        if (found === null) failed(error, 'The name stays as it was');
        else form.setErrors(found);
      },
    });
  }
  return (
    <form onSubmit={form.onSubmit(save)} noValidate>
      <Group align="flex-end" gap="sm" wrap="nowrap">
        <TextInput flex={1} label="Name" maxLength={200} {...form.getInputProps('name')} />
        {form.values.name.trim() !== team.name && (
          <Button type="submit" loading={change.isPending}>
            Save
          </Button>
        )}
      </Group>
    </form>
  );
}
