/** What of a key the page offers to whom. The API decides; this only spares people refusals. Pure. */

import { type Me, seesAll } from '@/api/me';
import type { Key } from './form';

function isTeammate(me: Me, key: Key): boolean {
  return me.teams.some((team) => team.id === key.team_id);
}

export function holds(me: Me, key: Key): boolean {
  return key.user_id === me.user.id || isTeammate(me, key);
}

/** A member edits what the member made; leads edit the keys of their team. */
export function mayChange(me: Me, key: Key): boolean {
  if (seesAll(me)) return true;
  if (me.teams.some((team) => team.id === key.team_id && team.role === 'lead')) return true;
  return holds(me, key) && key.created_by_user_id === me.user.id;
}

/** Whoever holds a key may end it, or give it a new secret. */
export function mayEnd(me: Me, key: Key): boolean {
  return seesAll(me) || holds(me, key);
}
