import { ActionIcon, Button, Group, Text, Tooltip } from '@mantine/core';
import { IconLink, IconMailForward, IconUserPlus, IconX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, take } from '@/api/client';
import { useMe } from '@/api/me';
import { type Column, DataTable } from '@/ui/DataTable';
import { LoadingTable } from '@/ui/LoadingTable';
import { lazily } from '@/ui/lazily';
import { done } from '@/ui/notices';
import { StateDot } from '@/ui/Pill';
import { Empty, Failed } from '@/ui/states';
import { useNarrow } from '@/ui/useNarrow';
import { When } from '@/ui/When';
import { PersonCell } from '../PersonCell';
import { type Invitation, invitationsQuery, teamsQuery, useChange } from '../queries';
import { RoleBadge } from '../RoleBadge';
import { rightsOf } from '../rights';

const InviteModal = lazily(() => import('./InviteModal'), 'InviteModal');
const Confirm = lazily(() => import('@/ui/Confirm'), 'Confirm');

/** Who was asked in and has not come yet. */
export function InvitationsTab({ invite }: { invite: () => void }) {
  const found = useQuery(invitationsQuery);
  const { data: teams = [] } = useQuery(teamsQuery);
  const { invites } = rightsOf(useMe());
  const narrow = useNarrow();
  const [anew, setAnew] = useState<Invitation | null>(null);
  const [back, setBack] = useState<Invitation | null>(null);
  if (found.isError) return <Failed error={found.error} again={() => void found.refetch()} />;
  if (found.isPending) return <LoadingTable />;
  const names = new Map(teams.map((team) => [team.id, team.name]));
  const actions: Column<Invitation> = {
    id: 'actions',
    head: '',
    width: narrow ? '64px' : '164px',
    align: 'end',
    cell: (each) =>
      invites.includes(each.role) ? (
        <Actions narrow={narrow} anew={() => setAnew(each)} back={() => setBack(each)} />
      ) : (
        <Text size="xs" c="dimmed">
          For admins
        </Text>
      ),
  };
  return (
    <>
      <DataTable
        label="Invitations"
        columns={[...columnsOf(names, narrow), actions]}
        rows={found.data}
        idOf={(each) => each.id}
        minWidth={narrow ? 280 : 820}
        nothing={
          <Empty icon={<IconMailForward aria-hidden />} title="Nobody is on the way">
            Invitations that were not used yet stand here.
            <br />
            <Button mt="md" leftSection={<IconUserPlus size={16} aria-hidden />} onClick={invite}>
              Invite somebody
            </Button>
          </Empty>
        }
      />
      {anew !== null && <InviteModal again={anew} close={() => setAnew(null)} />}
      {back !== null && <TakeBack invitation={back} close={() => setBack(null)} />}
    </>
  );
}

type ActionsProps = { narrow: boolean; anew: () => void; back: () => void };

/** In words where there is room for them. */
function Actions({ narrow, anew, back }: ActionsProps) {
  if (narrow)
    return (
      <Group gap={4} wrap="nowrap">
        <Tooltip label="New link">
          <ActionIcon variant="subtle" onClick={anew} aria-label="New link">
            <IconLink size={16} aria-hidden />
          </ActionIcon>
        </Tooltip>
        <Tooltip label="Take back">
          <ActionIcon variant="subtle" color="red" onClick={back} aria-label="Take back">
            <IconX size={16} aria-hidden />
          </ActionIcon>
        </Tooltip>
      </Group>
    );
  return (
    <Group gap={4} wrap="nowrap" mr={-8}>
      <Button size="compact-xs" variant="subtle" onClick={anew}>
        New link
      </Button>
      <Button size="compact-xs" variant="subtle" color="red" onClick={back}>
        Take back
      </Button>
    </Group>
  );
}

function columnsOf(teams: ReadonlyMap<string, string>, narrow: boolean): Column<Invitation>[] {
  const person: Column<Invitation> = {
    id: 'person',
    head: 'Person',
    width: 'minmax(150px, 3fr)',
    cell: (each) => <PersonCell name={each.name} email={each.email} />,
  };
  if (narrow) return [person];
  return [
    person,
    { id: 'role', head: 'Role', width: '104px', cell: (each) => <RoleBadge role={each.role} /> },
    {
      id: 'teams',
      head: 'Teams',
      width: 'minmax(90px, 1fr)',
      cell: (each) => each.team_ids.map((id) => teams.get(id) ?? 'a team that is gone').join(', ') || '–',
    },
    { id: 'made', head: 'Invited', width: '104px', cell: (each) => <When at={each.created_at} /> },
    {
      id: 'state',
      head: 'Open until',
      width: '92px',
      cell: (each) =>
        each.state === 'expired' ? (
          <StateDot colour="yellow">Too old</StateDot>
        ) : (
          <When at={each.expires_at} />
        ),
    },
  ];
}

function TakeBack({ invitation, close }: { invitation: Invitation; close: () => void }) {
  const takeBack = useChange(() =>
    take(
      api.DELETE('/v1/invitations/{invitation_id}', { params: { path: { invitation_id: invitation.id } } }),
    ),
  );
  return (
    <Confirm
      opened
      close={close}
      title="Take the invitation back?"
      verb="Take back"
      busy={takeBack.isPending}
      error={takeBack.error}
      act={() =>
        takeBack.mutate(undefined, {
          onSuccess: () => {
            done('The invitation was taken back');
            close();
          },
        })
      }
    >
      The link that {invitation.email} has stops working.
    </Confirm>
  );
}
