import type { Role } from '@/api/me';
import { Pill } from '@/ui/Pill';
import { ROLES } from './rights';

export function RoleBadge({ role }: { role: Role }) {
  return <Pill colour={role === 'member' ? 'gray' : 'pine'}>{ROLES[role].label}</Pill>;
}
