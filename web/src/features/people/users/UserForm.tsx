import { Button, Group, Select, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useState } from 'react';
import { type Role, useMe } from '@/api/me';
import { Confirm } from '@/ui/Confirm';
import { fieldErrors } from '@/ui/formErrors';
import { done, failed } from '@/ui/notices';
import { changeUser, type User, useChange } from '../queries';
import { ROLES, rightsOf, roleChange } from '../rights';

const LONGEST_NAME = 200;

/** Name and role. A new role takes effect at once and ends all sessions, so it is asked for twice. */
export function UserForm({ user }: { user: User }) {
  const me = useMe();
  const rights = rightsOf(me);
  return (
    <Stack gap="md">
      <NameForm user={user} editable={rights.changesPeople || me.user.id === user.id} />
      <RoleChoice user={user} editable={rights.changesPeople} />
    </Stack>
  );
}

function NameForm({ user, editable }: { user: User; editable: boolean }) {
  const change = useChange((name: string) => changeUser(user.id, { name }));
  const form = useForm({
    initialValues: { name: user.name },
    validate: {
      name: (text) =>
        text.trim() === '' || text.trim().length > LONGEST_NAME ? `1 to ${LONGEST_NAME} characters` : null,
    },
  });
  function save({ name }: { name: string }) {
    const before = user.name;
    change.mutate(name.trim(), {
      onSuccess: () => {
        form.setInitialValues({ name: name.trim() });
        form.setValues({ name: name.trim() });
        done('The name is changed', () =>
          change.mutate(before, { onSuccess: () => form.setValues({ name: before }) }),
        );
      },
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
        <TextInput
          flex={1}
          label="Name"
          readOnly={!editable}
          variant={editable ? 'default' : 'filled'}
          {...form.getInputProps('name')}
        />
        {editable && form.values.name.trim() !== user.name && (
          <Button type="submit" loading={change.isPending}>
            Save
          </Button>
        )}
      </Group>
    </form>
  );
}

function RoleChoice({ user, editable }: { user: User; editable: boolean }) {
  const [wanted, setWanted] = useState<Role | null>(null);
  const change = useChange((role: Role) => changeUser(user.id, { role }));
  function close() {
    setWanted(null);
    change.reset();
  }
  if (!editable)
    return (
      <TextInput
        label="Role"
        description={`${ROLES[user.role].may} Only admins change roles.`}
        inputWrapperOrder={['label', 'input', 'description', 'error']}
        readOnly
        variant="filled"
        value={ROLES[user.role].label}
      />
    );
  return (
    <>
      <Select
        label="Role"
        description={ROLES[user.role].may}
        inputWrapperOrder={['label', 'input', 'description', 'error']}
        allowDeselect={false}
        data={Object.entries(ROLES).map(([value, { label }]) => ({ value, label }))}
        value={user.role}
        onChange={(role) => role !== user.role && setWanted(role as Role)}
      />
      {wanted !== null && (
        <Confirm
          opened
          close={close}
          title={`Make ${user.name} ${wanted === 'admin' ? 'an' : 'a'} ${ROLES[wanted].label.toLowerCase()}?`}
          verb="Change role"
          busy={change.isPending}
          error={change.error}
          act={() =>
            change.mutate(wanted, {
              onSuccess: () => {
                done(`${user.name} is now ${ROLES[wanted].label.toLowerCase()}`);
                close();
              },
            })
          }
        >
          {roleChange(user.name, user.role, wanted)}
        </Confirm>
      )}
    </>
  );
}
