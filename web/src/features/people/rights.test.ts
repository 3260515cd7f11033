import { describe, expect, it } from 'vitest';
import type { Me, Role } from '@/api/me';
import { rightsInTeam, rightsOf, roleChange } from './rights';

function me(role: Role, teams: Me['teams'] = []): Me {
  const user = { id: 'u', customer_id: 'c', email: 'e', name: 'n', role, disabled: false, created_at: '' };
  return { user, customer: { id: 'c', name: 'C' }, teams, csrf_token: null, scopes: null };
}

describe('who may do what with people', () => {
  it('lets managers invite members only', () => {
    expect(rightsOf(me('manager')).invites).toEqual(['member']);
    expect(rightsOf(me('admin')).invites).toContain('admin');
    expect(rightsOf(me('member')).invites).toEqual([]);
  });

  it('lets only admins change people', () => {
    expect(rightsOf(me('manager')).changesPeople).toBe(false);
    expect(rightsOf(me('admin')).changesPeople).toBe(true);
  });

  it('lets a lead run the team, and appoint nobody', () => {
    const lead = me('member', [{ id: 't', name: 'T', role: 'lead' }]);
    expect(rightsInTeam(lead, 't')).toEqual({
      renames: true,
      changesMembers: true,
      appoints: false,
      deletes: false,
    });
    expect(rightsInTeam(lead, 'other').changesMembers).toBe(false);
  });

  it('says which way a role goes', () => {
    expect(roleChange('Ann', 'admin', 'member')).toContain('no longer');
    expect(roleChange('Ann', 'member', 'admin')).toContain('more than before');
  });
});
