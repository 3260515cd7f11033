import { MultiSelect, Select, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Schemas, take } from '@/api/client';
import { type Role, useMe } from '@/api/me';
import { Modal } from '@/ui/dialogs';
import { FormButtons } from '@/ui/FormButtons';
import { fieldErrors } from '@/ui/formErrors';
import { SecretOnce } from '@/ui/SecretOnce';
import { Failed } from '@/ui/states';
import { When } from '@/ui/When';
import { type Invitation, teamsQuery, useChange } from '../queries';
import { ROLES, rightsOf } from '../rights';

type Values = { email: string; name: string; role: Role; team_ids: string[] };

const FIELDS = { email: 'email', name: 'name', role: 'role', team_ids: 'team_ids' };
const EMAIL = /^[^@\s]{1,64}@[^@\s]{1,189}$/;

type Props = { close: () => void; again?: Invitation };

/** Asks somebody in. The link is shown once; `again`: in the place of an invitation that is too old. */
export function InviteModal({ close, again }: Props) {
  const [made, setMade] = useState<Schemas['NewInvitationAnswer'] | null>(null);
  return (
    <Modal
      opened
      onClose={close}
      title={again === undefined ? 'Invite somebody' : `Invite ${again.email} anew`}
      closeOnClickOutside={made === null}
    >
      {made === null ? (
        <InviteForm close={close} again={again} made={setMade} />
      ) : (
        <SecretOnce secret={made.link} what="invitation link" done={close}>
          <Text size="sm" c="dimmed">
            Send it to {made.invitation.email} yourself. It works once, until{' '}
            <When at={made.invitation.expires_at} style="minute" />.
          </Text>
        </SecretOnce>
      )}
    </Modal>
  );
}

type FormProps = {
  close: () => void;
  again: Invitation | undefined;
  made: (answer: Schemas['NewInvitationAnswer']) => void;
};

function InviteForm({ close, again, made }: FormProps) {
  const { invites } = rightsOf(useMe());
  const { data: teams = [] } = useQuery(teamsQuery);
  const invite = useChange(async (body: Schemas['InvitationIn']) => {
    made(await take(api.POST('/v1/invitations', { body })));
  });
  const form = useForm<Values>({
    initialValues: {
      email: again?.email ?? '',
      name: again?.name ?? '',
      role: again?.role ?? 'member',
      team_ids: again?.team_ids ?? [],
    },
    validate: { email: (text) => (EMAIL.test(text.trim()) ? null : 'This is no e-mail address') },
  });
  const general = invite.error !== null && fieldErrors(invite.error, FIELDS) === null;
  function save(values: Values) {
    const body = { ...values, email: values.email.trim(), name: values.name.trim() || null };
    invite.mutate(body, { onError: (error) => form.setErrors(fieldErrors(error, FIELDS) ?? {}) });
  }
  return (
    <form onSubmit={form.onSubmit(save)} noValidate>
      <Stack gap="md">
        <TextInput
          label="E-mail address"
          type="email"
          data-autofocus
          autoComplete="off"
          {...form.getInputProps('email')}
        />
        <TextInput
          label="Name"
          description="They can change it when they come in"
          autoComplete="off"
          {...form.getInputProps('name')}
        />
        <Select
          label="Role"
          description={ROLES[form.values.role].may}
          inputWrapperOrder={['label', 'input', 'description', 'error']}
          allowDeselect={false}
          disabled={invites.length === 1}
          data={invites.map((role) => ({ value: role, label: ROLES[role].label }))}
          {...form.getInputProps('role')}
        />
        <MultiSelect
          label="Teams"
          placeholder={form.values.team_ids.length === 0 ? 'None' : ''}
          searchable
          limit={100}
          nothingFoundMessage="No such team"
          data={teams.map((team) => ({ value: team.id, label: team.name }))}
          {...form.getInputProps('team_ids')}
        />
        {general && <Failed error={invite.error} what="Nobody was invited" />}
        <FormButtons close={close} verb="Make invitation" busy={invite.isPending} />
      </Stack>
    </form>
  );
}
