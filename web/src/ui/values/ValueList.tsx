import { Checkbox, ScrollArea, Skeleton, Stack, Text, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useState } from 'react';
import { short } from '@/ui/numbers';
import { Failed } from '@/ui/states';
import { choicesOf, type Row, type Rule } from './choices';
import classes from './ValueList.module.css';

type Props = {
  /** What they are: "Model", "models". */
  one: string;
  many: string;
  rows: readonly Row[] | undefined;
  error: unknown;
  again: () => void;
  chosen: readonly string[];
  choose: (values: string[]) => void;
  rule: Rule;
  /** So few that nobody looks for one. */
  few?: boolean;
};

const LIST_PX = 260;

/** Values that had calls in this time, those of most calls first, and those that are chosen. */
export function ValueList({ one, many, rows, error, again, chosen, choose, rule, few = false }: Props) {
  const [typed, setTyped] = useState('');
  const choices = choicesOf(rows ?? [], chosen, typed, rule);
  function toggle(value: string) {
    choose(chosen.includes(value) ? chosen.filter((each) => each !== value) : [...chosen, value]);
  }
  return (
    <Stack gap={6}>
      {!few && (
        <TextInput
          size="xs"
          px={4}
          aria-label={`Search ${many}`}
          placeholder={`Search ${many}…`}
          leftSection={<IconSearch size={14} aria-hidden />}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          data-autofocus
        />
      )}
      <ScrollArea.Autosize mah={LIST_PX} type="auto" offsetScrollbars>
        <Stack gap={0} role="group" aria-label={one} mih={80}>
          {rows === undefined && error === null && WAITING}
          {error !== null && <Failed error={error} again={again} />}
          {rows !== undefined && choices.length === 0 && (
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
              onChange={() => toggle(value)}
              label={
                <>
                  <span className={classes.name} title={name}>
                    {name}
                  </span>
                  <Text span size="xs" c="dimmed" className="number">
                    {calls === null ? 'no calls' : short(calls)}
                  </Text>
                </>
              }
            />
          ))}
        </Stack>
      </ScrollArea.Autosize>
    </Stack>
  );
}

const WAITING = [1, 2, 3, 4].map((row) => <Skeleton key={row} h={18} m={8} w="80%" />);
