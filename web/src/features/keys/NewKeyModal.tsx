import { Group, SegmentedControl, Stack } from '@mantine/core';
import { useState } from 'react';
import { seesAll, useMe } from '@/api/me';
import { Modal } from '@/ui/dialogs';
import { FormButtons } from '@/ui/FormButtons';
import { Failed } from '@/ui/states';
import { useNarrow } from '@/ui/useNarrow';
import { bodyOf, type KeyForm, NEW } from './form';
import { IssuedKey } from './IssuedKey';
import { issue, type Owner, useIssuing } from './issuing';
import { KeyFields } from './KeyFields';
import { PersonPicker, TeamPicker } from './pickers';
import { useKeyForm } from './useKeyForm';

export function NewKeyModal({ close }: { close: () => void }) {
  const issuing = useIssuing();
  const narrow = useNarrow();
  const { issued } = issuing;
  function leave() {
    issuing.forget();
    close();
  }
  return (
    <Modal
      opened
      onClose={leave}
      size="lg"
      fullScreen={narrow}
      title={issued === null ? 'New key' : `“${issued.key.name}” is ready`}
      closeOnClickOutside={issued === null}
      closeOnEscape={issued === null}
    >
      {issued === null ? (
        <NewKeyForm issuing={issuing} close={leave} />
      ) : (
        <IssuedKey issued={issued} done={leave} />
      )}
    </Modal>
  );
}

type FormProps = { issuing: ReturnType<typeof useIssuing>; close: () => void };

function NewKeyForm({ issuing, close }: FormProps) {
  const me = useMe();
  const { form, rules, refused, isAboutField } = useKeyForm(NEW);
  const [kind, setKind] = useState<Owner['kind']>('user');
  const [user, setUser] = useState<string | null>(me.user.id);
  const [team, setTeam] = useState<string | null>(me.teams.length === 1 ? (me.teams[0]?.id ?? null) : null);
  const [asked, setAsked] = useState(false);
  const id = kind === 'user' ? user : team;
  const noOwner = asked && id === null ? 'Choose whose key it is' : undefined;
  function save(values: KeyForm) {
    if (id !== null) void issuing.ask(() => issue({ kind, id }, bodyOf(values)), refused);
  }
  return (
    <form
      noValidate
      onSubmit={(event) => {
        setAsked(true);
        form.onSubmit(save)(event);
      }}
    >
      <Stack gap="md">
        <Group align="flex-start" gap="md" grow preventGrowOverflow={false}>
          {(seesAll(me) || me.teams.length > 0) && (
            <SegmentedControl
              mt={kind === 'team' || seesAll(me) ? { base: 0, xs: 24 } : 0}
              flex="0 0 auto"
              aria-label="Whose key"
              value={kind}
              onChange={(value) => setKind(value === 'team' ? 'team' : 'user')}
              data={[
                { value: 'user', label: 'Person' },
                { value: 'team', label: 'Team' },
              ]}
            />
          )}
          {kind === 'team' && <TeamPicker label="Team" value={team} onChange={setTeam} error={noOwner} />}
          {kind === 'user' && seesAll(me) && (
            <PersonPicker label="Owner" value={user} onChange={setUser} error={noOwner} />
          )}
        </Group>
        <KeyFields form={form} rules={rules} />
        {issuing.error !== null && !isAboutField(issuing.error) && (
          <Failed error={issuing.error} what="No key was made" />
        )}
        <FormButtons close={close} verb="Make key" busy={issuing.busy} />
      </Stack>
    </form>
  );
}
