import { Checkbox, ScrollArea, Skeleton, Stack, Text, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { short } from '@/ui/numbers';
import { Failed } from '@/ui/states';
import { choicesOf } from './choices';
import { DIMENSION_NAMES, type Dimension } from './dimensions';
import classes from './Filters.module.css';
import { type Asked, choicesQuery } from './queries';
import { type OverviewSearch, toggled } from './search';

type Props = { dimension: Dimension; asked: Asked; change: (changed: OverviewSearch) => void };

const LIST_PX = 260;

/** Values that had calls in this time, and those that are chosen. */
export function ValueChoice({ dimension, asked, change }: Props) {
  const [typed, setTyped] = useState('');
  const query = useQuery(choicesQuery(asked, dimension));
  const chosen = asked.filters[dimension] ?? [];
  const choices = choicesOf(dimension, query.data?.rows ?? [], chosen, typed);
  const { one, many } = DIMENSION_NAMES[dimension];
  return (
    <>
      <TextInput
        size="xs"
        px={4}
        aria-label={`Search ${many.toLowerCase()}`}
        placeholder={`Search ${many.toLowerCase()}…`}
        leftSection={<IconSearch size={14} aria-hidden />}
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
        data-autofocus
      />
      <ScrollArea.Autosize mah={LIST_PX} type="auto">
        <Stack gap={0} role="group" aria-label={one} mih={80}>
          {query.isPending && [1, 2, 3, 4].map((row) => <Skeleton key={row} h={18} m={8} w="80%" />)}
          {query.isError && <Failed error={query.error} again={() => void query.refetch()} />}
          {query.isSuccess && choices.length === 0 && (
            <Text size="sm" c="dimmed" p="xs">
              {typed === '' ? 'Nothing in this time' : 'Nothing is called that'}
            </Text>
          )}
          {choices.map(({ value, name, calls }) => (
            <Checkbox
              key={value}
              size="xs"
              classNames={{ root: classes.option, body: classes.body, labelWrapper: classes.words }}
              checked={chosen.includes(value)}
              onChange={() => change({ [dimension]: toggled(chosen, value) })}
              label={
                <>
                  <span className={classes.name}>{name}</span>
                  <Text span size="xs" c="dimmed" className="number">
                    {calls === null ? 'no calls' : short(calls)}
                  </Text>
                </>
              }
            />
          ))}
        </Stack>
      </ScrollArea.Autosize>
    </>
  );
}
