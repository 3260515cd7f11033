import { Loader, Select } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useState } from 'react';
import { useMe } from '@/api/me';
import { told } from '@/api/problem';
import { failed } from '@/ui/notices';
import { putMember, type Team, useChange } from '../queries';
import { rightsOf } from '../rights';
import { LEAST_LETTERS, useCandidates } from './useCandidates';

const WAIT_MS = 200;

/**
 * Looks people up by name or address and puts the chosen one into the team. What is on show is filtered here, too:
 * until the server has answered, nobody may be chosen who does not fit what was typed.
 */
export function AddMember({ team }: { team: Team }) {
  const { seesAll } = rightsOf(useMe());
  const [typed, setTyped] = useState('');
  const [wanted] = useDebouncedValue(typed.trim(), WAIT_MS);
  const { people, busy, error } = useCandidates(team, wanted, seesAll);
  const put = useChange((userId: string) => putMember(team.id, userId, 'member'));
  const short = !seesAll && typed.trim().length < LEAST_LETTERS;
  return (
    <Select
      aria-label={`Add somebody to ${team.name}`}
      placeholder="Add somebody by name or e-mail…"
      searchable
      searchValue={typed}
      onSearchChange={setTyped}
      data={people.map((person) => ({ value: person.id, label: `${person.name} · ${person.email}` }))}
      nothingFoundMessage={nothing(short, busy || typed.trim() !== wanted, error)}
      rightSection={busy || put.isPending ? <Loader size={14} /> : undefined}
      value={null}
      onChange={(id) => {
        if (id === null) return;
        setTyped('');
        put.mutate(id, { onError: (problem) => failed(problem, 'Nobody was added') });
      }}
    />
  );
}

function nothing(short: boolean, busy: boolean, error: unknown): string {
  if (short) return 'Type the beginning of a name or an e-mail address';
  if (busy) return 'Looking…';
  return error === null ? 'Nobody else is called that' : told(error);
}
