import { Button, Collapse, Group, Switch, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconAdjustmentsHorizontal, IconSearch } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { TimeRange } from '@/ui/TimeRange';
import { type Period, rangeSearch } from '@/ui/timeRange';
import { useNarrow } from '@/ui/useNarrow';
import { useTyped } from '@/ui/useTyped';
import { Chips } from './Chips';
import { chipsOf } from './chips';
import { FilterMenu } from './FilterMenu';
import type { TracesSearch } from './search';
import { useNames } from './useNames';

type Props = {
  search: TracesSearch;
  change: (search: TracesSearch) => void;
  period: Period;
  actions: ReactNode;
};

/** What is searched for. On narrow screens all but the text folds away. */
export function FilterBar({ search, change, period, actions }: Props) {
  const narrow = useNarrow();
  const [opened, { toggle }] = useDisclosure();
  const chips = chipsOf(search, useNames(search, period));
  const rest = (
    <Group gap="sm">
      <FilterMenu filters={search} change={change} period={period} />
      <TimeRange
        value={search}
        change={(range) =>
          change({ range: undefined, since: undefined, until: undefined, ...rangeSearch(range) })
        }
      />
      <Switch
        label="Live"
        checked={search.live === true && period.live}
        disabled={!period.live}
        onChange={(event) => change({ live: event.currentTarget.checked ? true : undefined })}
        title={period.live ? 'Newer traces come by themselves' : 'This time is over'}
      />
      {actions}
    </Group>
  );
  return (
    <Group gap="sm" mb="md" align="center">
      <SearchText value={search.text ?? ''} change={(text) => change({ text })} />
      {narrow ? (
        <Button
          variant="default"
          onClick={toggle}
          aria-expanded={opened}
          leftSection={<IconAdjustmentsHorizontal size={16} aria-hidden />}
        >
          Filters{chips.length > 0 ? ` (${chips.length})` : ''}
        </Button>
      ) : (
        rest
      )}
      {narrow && (
        <Collapse expanded={opened} w="100%">
          {rest}
        </Collapse>
      )}
      {chips.length > 0 && (
        <Group w="100%" gap={6}>
          <Chips chips={chips} filters={search} change={change} period={period} />
        </Group>
      )}
    </Group>
  );
}

function SearchText({ value, change }: { value: string; change: (text: string | undefined) => void }) {
  const { typed, type, tellNow } = useTyped(value, change);
  return (
    <TextInput
      flex="1 1 180px"
      type="search"
      aria-label="Search in names, messages and attributes"
      placeholder="Search names, messages, attributes"
      leftSection={<IconSearch size={16} aria-hidden />}
      value={typed}
      maxLength={200}
      onChange={(event) => type(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key === 'Enter') tellNow();
      }}
      rightSectionWidth={64}
      rightSection={
        typed.trim().length === 1 ? (
          <Text size="xs" c="dimmed">
            1 more
          </Text>
        ) : null
      }
    />
  );
}
