import { describe, expect, it } from 'vitest';
import type { Me } from '@/api/me';
import type { Key } from './form';
import { mayChange, mayEnd } from './rights';

function me(role: Me['user']['role'], teams: Me['teams'] = []): Me {
  const user = {
    id: 'me',
    customer_id: 'c',
    email: 'member-1@demo.tollhouse.example',
    name: 'Member',
    role,
    disabled: false,
    created_at: '2026-01-01T00:00:00Z',
  };
  return { user, customer: { id: 'c', name: 'Demo' }, teams, scopes: null, csrf_token: null };
}

const key = (user: string | null, team: string | null, maker: string): Key =>
  ({ user_id: user, team_id: team, created_by_user_id: maker }) as Key;

describe('what one may do with a key', () => {
  it('is everything for admins and managers', () => {
    expect(mayChange(me('manager'), key('other', null, 'other'))).toBe(true);
    expect(mayEnd(me('admin'), key(null, 't', 'other'))).toBe(true);
  });

  it('is to change what one made oneself, for members', () => {
    expect(mayChange(me('member'), key('me', null, 'me'))).toBe(true);
    expect(mayChange(me('member'), key('me', null, 'admin'))).toBe(false);
    expect(mayEnd(me('member'), key('me', null, 'admin'))).toBe(true);
    expect(mayEnd(me('member'), key('other', null, 'me'))).toBe(false);
  });

  it('is more for the lead of its team', () => {
    const team = { id: 't', name: 'Research' };
    expect(mayChange(me('member', [{ ...team, role: 'lead' }]), key(null, 't', 'other'))).toBe(true);
    expect(mayChange(me('member', [{ ...team, role: 'member' }]), key(null, 't', 'other'))).toBe(false);
    expect(mayEnd(me('member', [{ ...team, role: 'member' }]), key(null, 't', 'other'))).toBe(true);
  });
});
