import { Button, Group, Tabs, VisuallyHidden } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconPlus, IconUserPlus } from '@tabler/icons-react';
import { useMe } from '@/api/me';
import { lazily } from '@/ui/lazily';
import { PageHeader } from '@/ui/PageHeader';
import { useEver } from '@/ui/useEver';
import { rightsOf } from './rights';
import type { Tab } from './search';
import { TeamsTab } from './teams/TeamsTab';
import { usePeopleSearch } from './usePeopleSearch';
import { UsersTab } from './users/UsersTab';

const InviteModal = lazily(() => import('./invitations/InviteModal'), 'InviteModal');
const NewTeamModal = lazily(() => import('./teams/NewTeamModal'), 'NewTeamModal');
const TeamDrawer = lazily(() => import('./teams/TeamDrawer'), 'TeamDrawer');
const UserDrawer = lazily(() => import('./users/UserDrawer'), 'UserDrawer');
const InvitationsTab = lazily(() => import('./invitations/InvitationsTab'), 'InvitationsTab');

/** Who is here, in which teams, and who was asked to come. */
export function PeoplePage() {
  const rights = rightsOf(useMe());
  const { search, go } = usePeopleSearch();
  const [inviting, invite] = useDisclosure();
  const [making, make] = useDisclosure();
  const wanted = search.tab ?? 'users';
  const tab: Tab = wanted === 'invitations' && !rights.seesAll ? 'users' : wanted;
  const actions = (
    <Group gap="sm">
      {rights.makesTeams && (
        <Button variant="default" leftSection={<IconPlus size={16} aria-hidden />} onClick={make.open}>
          New team
        </Button>
      )}
      {rights.invites.length > 0 && (
        <Button leftSection={<IconUserPlus size={16} aria-hidden />} onClick={invite.open}>
          Invite
        </Button>
      )}
    </Group>
  );
  return (
    <>
      <PageHeader title="People" actions={actions}>
        {rights.seesAll
          ? 'Who may hold keys, in which teams, and what they may spend.'
          : 'You and your teams. Admins and managers see everybody.'}
      </PageHeader>
      <Tabs
        value={tab}
        onChange={(chosen) => go({ tab: chosen === 'users' ? undefined : (chosen as Tab) })}
        keepMounted={false}
      >
        <Tabs.List mb="md">
          <Tabs.Tab value="users">{rights.seesAll ? 'Users' : 'You'}</Tabs.Tab>
          <Tabs.Tab value="teams">{rights.seesAll ? 'Teams' : 'Your teams'}</Tabs.Tab>
          {rights.seesAll && <Tabs.Tab value="invitations">Invitations</Tabs.Tab>}
        </Tabs.List>
        <Tabs.Panel value="users">
          <VisuallyHidden component="h2">Users</VisuallyHidden>
          <UsersTab invite={invite.open} />
        </Tabs.Panel>
        <Tabs.Panel value="teams">
          <VisuallyHidden component="h2">Teams</VisuallyHidden>
          <TeamsTab create={make.open} />
        </Tabs.Panel>
        {rights.seesAll && (
          <Tabs.Panel value="invitations">
            <VisuallyHidden component="h2">Invitations</VisuallyHidden>
            <InvitationsTab invite={invite.open} />
          </Tabs.Panel>
        )}
      </Tabs>
      {useEver(search.user !== undefined) && <UserDrawer />}
      {useEver(search.team !== undefined) && <TeamDrawer />}
      {inviting && <InviteModal close={invite.close} />}
      {making && <NewTeamModal close={make.close} />}
    </>
  );
}
