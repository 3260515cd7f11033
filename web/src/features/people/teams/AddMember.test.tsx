import { cleanup, fireEvent, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, describe, expect, it } from 'vitest';
import type { Me } from '@/api/me';
import { hangUp, json, listen, show } from '@/ui/testing';
import type { Team } from '../queries';
import { AddMember } from './AddMember';

const TEAM: Team = { id: 't', name: 'Research', created_at: '', keys: 0, members: [] };
const KIM = { id: 'u2', name: 'Kim Robinson', email: 'kim@example.com' };

function me(role: 'manager' | 'member'): Me {
  const user = { id: 'u', customer_id: 'c', email: 'e', name: 'n', role, disabled: false, created_at: '' };
  const teams = [{ id: 't', name: 'Research', role: 'lead' as const }];
  return { user, customer: { id: 'c', name: 'C' }, teams, csrf_token: null, scopes: null };
}

/** The paths that are asked for, but for who one is. */
function asked(role: 'manager' | 'member') {
  const heard = listen(({ url }) => {
    if (url.endsWith('/v1/me')) return json(me(role));
    if (url.includes('/candidates')) return json({ people: [KIM] });
    return json({ users: [KIM], next_cursor: null, team: TEAM });
  });
  return () =>
    heard
      .map(({ method, url }) => `${method} ${new URL(url).pathname}${new URL(url).search}`)
      .filter((path) => !path.endsWith('/v1/me'));
}

const field = () => screen.findByRole('combobox', { name: 'Add somebody to Research' });

afterEach(() => {
  cleanup();
  hangUp();
});

describe('adding somebody to a team', () => {
  it('asks a lead for the beginning of a name, and then for those few', async () => {
    const paths = asked('member');
    show(<AddMember team={TEAM} />);
    const input = await field();
    fireEvent.click(input);
    await screen.findByText(/Type the beginning/);
    await userEvent.type(input, 'k');
    await screen.findByText(/Type the beginning/);
    expect(paths()).toEqual([]);
    await userEvent.type(input, 'i');
    fireEvent.click(await screen.findByText('Kim Robinson · kim@example.com'));
    await waitFor(() => expect(paths()).toContain('PUT /v1/teams/t/members/u2'));
    expect(paths()[0]).toBe('GET /v1/teams/t/candidates?search=ki');
    expect(paths().some((path) => path.includes('/v1/users'))).toBe(false);
  });

  it('shows everybody to those who see everybody', async () => {
    const paths = asked('manager');
    show(<AddMember team={TEAM} />);
    fireEvent.click(await field());
    await screen.findByText('Kim Robinson · kim@example.com');
    expect(paths()).toEqual(['GET /v1/users?limit=200']);
  });
});
