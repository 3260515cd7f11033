import type { Column } from '@/ui/DataTable';
import { hint } from '@/ui/hinting';
import { Money } from '@/ui/Money';
import { StateDot } from '@/ui/Pill';
import { Tokens } from '@/ui/Tokens';
import text from '@/ui/text.module.css';
import { When } from '@/ui/When';
import { PersonCell } from '../PersonCell';
import { type Spend, spent, type User } from '../queries';
import { RoleBadge } from '../RoleBadge';

const PERSON: Column<User> = {
  id: 'person',
  head: 'Person',
  width: 'minmax(170px, 2fr)',
  cell: (user) => <PersonCell name={user.name} email={user.email} />,
};
const ROLE: Column<User> = {
  id: 'role',
  head: 'Role',
  width: '104px',
  cell: (user) => (user.disabled ? <StateOf user={user} /> : <RoleBadge role={user.role} />),
};

/** On narrow screens only who it is, and as what. */
export function columnsOf(spend: Spend | undefined, narrow: boolean): Column<User>[] {
  if (narrow) return [PERSON, ROLE];
  return [
    PERSON,
    { ...ROLE, cell: (user) => <RoleBadge role={user.role} /> },
    { id: 'state', head: 'State', width: '92px', cell: (user) => <StateOf user={user} /> },
    { id: 'teams', head: 'Teams', width: 'minmax(130px, 1.3fr)', cell: (user) => <TeamNames user={user} /> },
    { id: 'keys', head: 'Keys', width: '44px', align: 'end', cell: (user) => <Tokens of={user.keys} /> },
    {
      id: 'spend',
      head: 'Spend, 30 days',
      width: '112px',
      align: 'end',
      cell: (user) => <Money usd={spent(spend, user.id)} />,
    },
    {
      id: 'joined',
      head: 'Joined',
      width: '72px',
      align: 'end',
      cell: (user) => <When at={user.created_at} style="day" />,
    },
  ];
}

function StateOf({ user }: { user: User }) {
  return <StateDot colour={user.disabled ? 'red' : 'pine'}>{user.disabled ? 'Disabled' : 'Active'}</StateDot>;
}

function TeamNames({ user }: { user: User }) {
  if (user.teams.length === 0) return <span className={text.faint}>–</span>;
  const names = user.teams.map((team) => team.name).join(', ');
  return (
    <div className={text.main} {...hint(names)}>
      {names}
    </div>
  );
}
