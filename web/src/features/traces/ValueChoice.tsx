import { Checkbox, Group, ScrollArea, Skeleton, Stack, Text, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Failed } from '@/ui/states';
import { Tokens } from '@/ui/Tokens';
import type { Period } from '@/ui/timeRange';
import { choicesOf } from './choices';
import { DIMENSION_NAMES, type Dimension } from './filters';
import { choicesQuery } from './queries';

type Props = {
  dimension: Dimension;
  chosen: readonly string[];
  choose: (values: string[]) => void;
  period: Period;
};

/** Values of one dimension, those of most calls first; a value that had none can be typed. */
export function ValueChoice({ dimension, chosen, choose, period }: Props) {
  const [text, setText] = useState('');
  const { data, error, isPending, refetch } = useQuery(choicesQuery(dimension, period));
  const choices = choicesOf(dimension, data?.rows ?? [], chosen, text);
  const name = DIMENSION_NAMES[dimension].toLowerCase();
  function toggle(value: string) {
    choose(chosen.includes(value) ? chosen.filter((each) => each !== value) : [...chosen, value]);
  }
  return (
    <Stack gap="xs">
      {dimension !== 'source' && (
        <TextInput
          size="sm"
          placeholder={`Find a ${name}`}
          aria-label={`Find a ${name}`}
          leftSection={<IconSearch size={14} aria-hidden />}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          data-autofocus
        />
      )}
      {error !== null && <Failed error={error} again={() => void refetch()} />}
      <ScrollArea.Autosize mah={280} type="auto" offsetScrollbars>
        <Stack gap={2} mih={96}>
          {isPending && [1, 2, 3].map((each) => <Skeleton key={each} h={20} my={6} />)}
          {choices.map(({ value, label, calls }) => (
            <Group key={value} justify="space-between" wrap="nowrap" gap="sm" py={5}>
              <Checkbox
                size="xs"
                label={label}
                checked={chosen.includes(value)}
                onChange={() => toggle(value)}
                styles={{ body: { alignItems: 'center' }, label: { overflowWrap: 'anywhere' } }}
              />
              <Text size="xs" c="dimmed" component="div">
                <Tokens of={calls} />
              </Text>
            </Group>
          ))}
          {!isPending && choices.length === 0 && (
            <Text size="sm" c="dimmed" py="sm">
              No calls in this time.
            </Text>
          )}
        </Stack>
      </ScrollArea.Autosize>
    </Stack>
  );
}
