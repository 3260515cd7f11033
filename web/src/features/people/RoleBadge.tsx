import { Badge } from '@mantine/core';
import type { Role } from '@/api/me';
import { ROLES } from './rights';

export function RoleBadge({ role }: { role: Role }) {
  return (
    <Badge
      variant="light"
      color={role === 'member' ? 'gray' : 'pine'}
      tt="none"
      display="flex"
      w="fit-content"
    >
      {ROLES[role].label}
    </Badge>
  );
}
