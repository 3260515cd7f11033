import { Button, CloseButton, Group, Select, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { seesAll, useMe } from '@/api/me';
import { useTyped } from '@/ui/useTyped';
import { PersonPicker, TeamPicker } from './pickers';
import { isNarrowed, type KeysSearch, STATES, type State } from './search';
import { STATE_WORDS } from './words';

/** Two in a row, four in a row, or all beside the search. */
const FLEX = { base: '1 1 40%', xs: '1 1 20%', lg: 'none' };
const WIDE = { base: 'auto', lg: 190 };

type Change = { [Name in keyof KeysSearch]?: KeysSearch[Name] | undefined };
type Props = { search: KeysSearch; change: (fields: Change) => void };

/** What narrows the table; all of it stands in the address. */
export function Filters({ search, change }: Props) {
  const me = useMe();
  return (
    <Group gap="sm" mb="md" role="search" aria-label="Keys">
      <Typed
        label="Search keys"
        placeholder="Name, owner, hash or tag"
        value={search.q}
        change={(q) => change({ q })}
        wide
      />
      <Select
        aria-label="State"
        placeholder="Any state"
        flex={FLEX}
        w={{ base: 'auto', lg: 150 }}
        clearable
        value={search.state ?? null}
        onChange={(state) => change({ state: (state ?? undefined) as State | undefined })}
        data={STATES.map((state) => ({ value: state, label: STATE_WORDS[state] }))}
      />
      {seesAll(me) && (
        <PersonPicker
          aria-label="Owner"
          placeholder="Anybody’s"
          flex={FLEX}
          w={WIDE}
          clearable
          value={search.user ?? null}
          onChange={(user) => change({ user: user ?? undefined })}
        />
      )}
      {(seesAll(me) || me.teams.length > 0) && (
        <TeamPicker
          aria-label="Team"
          placeholder="Any team’s"
          flex={FLEX}
          w={WIDE}
          clearable
          value={search.team ?? null}
          onChange={(team) => change({ team: team ?? undefined })}
        />
      )}
      <Typed label="Tag" placeholder="Any tag" value={search.tag} change={(tag) => change({ tag })} />
      {isNarrowed(search) && (
        <Button
          variant="subtle"
          color="gray"
          onClick={() =>
            change({ q: undefined, state: undefined, user: undefined, team: undefined, tag: undefined })
          }
        >
          Clear
        </Button>
      )}
    </Group>
  );
}

type TypedProps = {
  label: string;
  placeholder: string;
  value: string | undefined;
  change: (value: string | undefined) => void;
  wide?: boolean;
};

/** A text that goes into the address when typing pauses. */
function Typed({ label, placeholder, value = '', change, wide = false }: TypedProps) {
  const { typed, type } = useTyped(value, change);
  return (
    <TextInput
      aria-label={label}
      placeholder={placeholder}
      value={typed}
      onChange={(event) => type(event.currentTarget.value)}
      flex={wide ? { base: '1 1 100%', lg: '1 1 220px' } : FLEX}
      w={wide ? 'auto' : { base: 'auto', lg: 130 }}
      leftSection={wide ? <IconSearch size={16} aria-hidden /> : undefined}
      rightSection={
        typed === '' ? undefined : (
          <CloseButton size="sm" aria-label={`Clear ${label.toLowerCase()}`} onClick={() => type('')} />
        )
      }
    />
  );
}
