/** What the one who looks may do here. The API decides; this is so that nobody is offered what would be refused. */

import { isAdmin, type Me, type Role, seesAll } from '@/api/me';

export type Rights = {
  /** All people and teams, and invitations. */
  seesAll: boolean;
  invites: readonly Role[];
  changesPeople: boolean;
  makesTeams: boolean;
  setsBudgets: boolean;
};

export function rightsOf(me: Me): Rights {
  const all = seesAll(me);
  return {
    seesAll: all,
    invites: isAdmin(me) ? ['member', 'manager', 'admin'] : all ? ['member'] : [],
    changesPeople: isAdmin(me),
    makesTeams: all,
    setsBudgets: all,
  };
}

export type TeamRights = { renames: boolean; changesMembers: boolean; appoints: boolean; deletes: boolean };

/** A lead runs the team; who leads is for admins and managers to say. */
export function rightsInTeam(me: Me, teamId: string): TeamRights {
  const all = seesAll(me);
  const leads = me.teams.some((team) => team.id === teamId && team.role === 'lead');
  return { renames: all || leads, changesMembers: all || leads, appoints: all, deletes: all };
}

export const ROLES: Readonly<Record<Role, { label: string; may: string }>> = {
  admin: { label: 'Admin', may: 'Everything: people and roles, settings, the gateway, the ledger.' },
  manager: {
    label: 'Manager',
    may: 'All keys and budgets, teams, inviting members. Settings only to look at, and no roles.',
  },
  member: {
    label: 'Member',
    may: 'Their own keys and those of their teams, within the limits set for them.',
  },
};

/** What a new role changes, for whoever confirms it. */
export function roleChange(name: string, from: Role, to: Role): string {
  const less = order(to) < order(from);
  const what = less ? 'can no longer do all that they could' : 'can do more than before';
  return `${name} ${what}, and is signed out everywhere. As ${ROLES[to].label.toLowerCase()}: ${ROLES[to].may}`;
}

function order(role: Role): number {
  return ['member', 'manager', 'admin'].indexOf(role);
}
