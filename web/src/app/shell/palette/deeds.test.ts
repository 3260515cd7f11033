import { describe, expect, it } from 'vitest';
import type { Me } from '@/api/me';
import { deedsOf, isFound } from './deeds';

const as = (role: string) => ({ user: { role } }) as Me;

describe('the command palette', () => {
  it.each([
    ['', true],
    ['new', true],
    ['KEY new', true],
    ['virt', true],
    ['ew', false],
    ['new x', false],
  ])('typed "%s", finds New key: %s', (typed, found) => {
    expect(isFound(typed, 'New key', 'make virtual')).toBe(found);
  });

  it('offers to invite and to try budgets out only to those who may', () => {
    const labels = (role: string) => deedsOf(as(role)).map((deed) => deed.label);
    expect(labels('manager')).toContain('Invite somebody');
    expect(labels('manager')).toContain('What if…');
    expect(labels('member')).not.toContain('Invite somebody');
    expect(labels('member')).not.toContain('What if…');
  });
});
