/** People and teams to choose from, by typing. */

import { Select, type SelectProps } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { seesAll, useMe } from '@/api/me';
import { peopleQuery, personQuery, teamsQuery } from './queries';

type Props = Omit<SelectProps, 'data' | 'value' | 'onChange' | 'onSearchChange' | 'searchable'> & {
  value: string | null;
  onChange: (id: string | null) => void;
};

const PAUSE_MS = 200;

export function PersonPicker({ value, onChange, ...rest }: Props) {
  const [search, setSearch] = useState('');
  const [asked] = useDebouncedValue(search, PAUSE_MS);
  const people = useQuery(peopleQuery(asked));
  const listed = people.data ?? [];
  const missing = value !== null && !listed.some((user) => user.id === value);
  const one = useQuery({ ...personQuery(value ?? ''), enabled: missing });
  const users = missing && one.data !== undefined ? [one.data, ...listed] : listed;
  return (
    <Select
      {...rest}
      searchable
      value={value}
      onChange={onChange}
      // A name that was chosen stands in the field, too; it is no search.
      onSearchChange={(text) => setSearch(users.some((user) => labelOf(user) === text) ? '' : text)}
      data={users.map((user) => ({ value: user.id, label: labelOf(user) }))}
      filter={({ options }) => options}
      nothingFoundMessage={people.isFetching ? 'Searching…' : 'Nobody is called that'}
      maxDropdownHeight={260}
    />
  );
}

function labelOf(user: { name: string; email: string }): string {
  return user.name === '' || user.name === user.email ? user.email : `${user.name} (${user.email})`;
}

/** Members choose among their own teams. */
export function TeamPicker({ value, onChange, ...rest }: Props) {
  const me = useMe();
  const all = seesAll(me);
  const teams = useQuery({ ...teamsQuery, enabled: all });
  const listed = all ? (teams.data ?? []) : me.teams;
  return (
    <Select
      {...rest}
      searchable
      value={value}
      onChange={onChange}
      data={listed.map((team) => ({ value: team.id, label: team.name }))}
      nothingFoundMessage={teams.isFetching ? 'Searching…' : 'No team is called that'}
      maxDropdownHeight={260}
    />
  );
}
