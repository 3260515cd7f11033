import { Skeleton, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMe } from '@/api/me';
import { BudgetsEditor } from '@/ui/budgets/BudgetsEditor';
import { Drawer } from '@/ui/dialogs';
import { KeysLink } from '@/ui/KeysLink';
import { Failed } from '@/ui/states';
import { Part } from '../Part';
import { PersonCell } from '../PersonCell';
import { type User, userQuery } from '../queries';
import { rightsOf } from '../rights';
import { usePeopleSearch } from '../usePeopleSearch';
import { DeleteUser } from './DeleteUser';
import { SignInActions } from './SignInActions';
import { UserForm } from './UserForm';
import { UserTeams } from './UserTeams';

/** One person, beside the list; which one stands in the address. */
export function UserDrawer() {
  const { search, go } = usePeopleSearch();
  return (
    <Drawer
      opened={search.user !== undefined}
      onClose={() => go({ user: undefined })}
      position="right"
      size="lg"
      title="Person"
    >
      {search.user !== undefined && <Body key={search.user} id={search.user} />}
    </Drawer>
  );
}

function Body({ id }: { id: string }) {
  const { data, error, refetch } = useQuery(userQuery(id));
  if (error !== null && data === undefined)
    return <Failed error={error} what="This person could not be shown" again={() => void refetch()} />;
  if (data === undefined)
    return (
      <Stack role="status" aria-label="Loading">
        <Skeleton h={48} />
        <Skeleton h={140} />
        <Skeleton h={90} />
      </Stack>
    );
  return <Person user={data} />;
}

function Person({ user }: { user: User }) {
  const me = useMe();
  const rights = rightsOf(me);
  const oneself = me.user.id === user.id;
  return (
    <Stack gap="xl">
      <PersonCell name={user.name} email={user.email} />
      <UserForm user={user} />
      <Part title="Teams">
        <UserTeams user={user} />
      </Part>
      <Part
        title="Budgets"
        aside={
          <KeysLink user={user.id}>
            {user.keys === 1 ? 'See 1 key' : user.keys === 0 ? 'No keys yet' : `See ${user.keys} keys`}
          </KeysLink>
        }
      >
        <BudgetsEditor
          place={{ kind: 'user', ref: user.id }}
          name={user.name}
          mayChange={rights.setsBudgets}
          none={`${oneself ? 'You have' : `${user.name} has`} no budget beyond those of keys, teams and the organisation.`}
        />
      </Part>
      {rights.changesPeople && (
        <>
          <Part title="Signing in">
            <SignInActions user={user} oneself={oneself} />
          </Part>
          {!oneself && (
            <Part title="Remove">
              <DeleteUser user={user} />
            </Part>
          )}
        </>
      )}
    </Stack>
  );
}
