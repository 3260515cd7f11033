import { CloseButton, Group, Select, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import type { Role } from '@/api/me';
import { useTyped } from '@/ui/useTyped';
import { teamsQuery } from '../queries';
import { usePeopleSearch } from '../usePeopleSearch';

const LONGEST = 200;

export function UserFilters() {
  const { search, go } = usePeopleSearch();
  const { data: teams = [] } = useQuery(teamsQuery);
  return (
    <Group gap="sm">
      <Searched />
      <Select
        aria-label="Role"
        placeholder="Any role"
        w={{ base: 'calc(50% - 6px)', xs: 128 }}
        clearable
        data={[
          { value: 'admin', label: 'Admins' },
          { value: 'manager', label: 'Managers' },
          { value: 'member', label: 'Members' },
        ]}
        value={search.role ?? null}
        onChange={(role) => go({ role: (role as Role | null) ?? undefined })}
      />
      <Select
        aria-label="State"
        placeholder="Any state"
        w={{ base: 'calc(50% - 6px)', xs: 128 }}
        clearable
        data={[
          { value: 'active', label: 'Active' },
          { value: 'disabled', label: 'Disabled' },
        ]}
        value={search.state ?? null}
        onChange={(state) => go({ state: (state as 'active' | 'disabled' | null) ?? undefined })}
      />
      <Select
        aria-label="Team"
        placeholder="Any team"
        w={{ base: '100%', xs: 160 }}
        clearable
        searchable
        limit={100}
        nothingFoundMessage="No such team"
        data={teams.map((team) => ({ value: team.id, label: team.name }))}
        value={search.in_team ?? null}
        onChange={(team) => go({ in_team: team ?? undefined })}
      />
    </Group>
  );
}

/** Typing changes the list a moment later, so that not every letter is a question to the server. */
function Searched() {
  const { search, go } = usePeopleSearch();
  const { typed, type } = useTyped(search.q ?? '', (q) => go({ q }, true));
  return (
    <TextInput
      aria-label="Search people"
      placeholder="Name or e-mail"
      flex="1 1 180px"
      maw={{ xs: 360 }}
      maxLength={LONGEST}
      leftSection={<IconSearch size={16} aria-hidden />}
      rightSection={
        typed !== '' && <CloseButton size="sm" aria-label="Clear search" onClick={() => type('')} />
      }
      value={typed}
      onChange={(event) => type(event.currentTarget.value)}
    />
  );
}
