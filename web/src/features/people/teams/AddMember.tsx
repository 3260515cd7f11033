import { Loader, Select } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { failed } from '@/ui/notices';
import { putMember, type Team, useChange, usersQuery } from '../queries';

const WAIT_MS = 200;
const SHOWN = 50;

/**
 * Looks people up by name or address, as many as there may be, and puts the chosen one into the team. What is on show
 * is filtered here, too: until the server has answered, nobody may be chosen who does not fit what was typed.
 */
export function AddMember({ team }: { team: Team }) {
  const [typed, setTyped] = useState('');
  const [wanted] = useDebouncedValue(typed.trim(), WAIT_MS);
  const found = useInfiniteQuery({
    ...usersQuery(wanted === '' ? {} : { q: wanted }),
    placeholderData: keepPreviousData,
  });
  const put = useChange((userId: string) => putMember(team.id, userId, 'member'));
  const inside = new Set(team.members.map((member) => member.user_id));
  const data = (found.data?.pages.flatMap((page) => page.users) ?? [])
    .filter((user) => !inside.has(user.id))
    .slice(0, SHOWN)
    .map((user) => ({ value: user.id, label: `${user.name} · ${user.email}` }));
  return (
    <Select
      aria-label={`Add somebody to ${team.name}`}
      placeholder="Add somebody by name or e-mail…"
      searchable
      searchValue={typed}
      onSearchChange={setTyped}
      data={data}
      nothingFoundMessage={found.isFetching ? 'Looking…' : 'Nobody else is called that'}
      rightSection={found.isFetching || put.isPending ? <Loader size={14} /> : undefined}
      value={null}
      onChange={(id) => {
        if (id === null) return;
        setTyped('');
        put.mutate(id, { onError: (error) => failed(error, 'Nobody was added') });
      }}
    />
  );
}
