import { Stack, Text, TextInput, Title } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useState } from 'react';
import { Copy } from '@/ui/Copy';
import { type Entry, type Group, groupsOf } from './attributes';
import { Folded } from './Folded';
import classes from './Span.module.css';
import type { Span } from './tree';

/** All that a span and its resource say, to be searched and copied. */
export function Attributes({ span }: { span: Span }) {
  const [word, setWord] = useState('');
  const own = groupsOf(span.attributes, word);
  const resource = groupsOf(span.resource_attributes, word).flatMap((group) => group.entries);
  const groups: Group[] = resource.length > 0 ? [...own, { name: 'Resource', entries: resource }] : own;
  return (
    <Stack gap="lg">
      <TextInput
        type="search"
        size="sm"
        aria-label="Search attributes"
        placeholder="Search names and values"
        leftSection={<IconSearch size={14} aria-hidden />}
        value={word}
        onChange={(event) => setWord(event.currentTarget.value)}
      />
      {groups.length === 0 && (
        <Text size="sm" c="dimmed">
          {word === '' ? 'This span has no attributes.' : 'No attribute matches.'}
        </Text>
      )}
      {groups.map((group) => (
        <section key={group.name} aria-label={group.name}>
          <Title order={3} fz="xs" c="dimmed" fw={500} mb={4}>
            {group.name}
          </Title>
          <dl className={classes.entries}>
            {group.entries.map((entry) => (
              <Line key={entry.name} entry={entry} />
            ))}
          </dl>
        </section>
      ))}
    </Stack>
  );
}

function Line({ entry }: { entry: Entry }) {
  return (
    <div className={classes.entry}>
      <dt>{entry.name}</dt>
      <dd>
        <Folded text={entry.value} />
        {entry.cut && (
          <Text size="xs" c="dimmed">
            Cut: longer than is kept
          </Text>
        )}
        <span className={classes.copy}>
          <Copy text={entry.value} what={entry.name} />
        </span>
      </dd>
    </div>
  );
}
