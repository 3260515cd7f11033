import { Box, Code, Group, Select, Tabs, Text } from '@mantine/core';
import { useState } from 'react';
import { Copy } from '@/ui/Copy';
import { useNarrow } from '@/ui/useNarrow';
import { type Snippet, snippetsFor } from './snippets';

/** One way to send at a time; tabs become a select where they would not fit. */
export function Snippets() {
  const snippets = snippetsFor(window.location.origin);
  const narrow = useNarrow();
  const [chosen, setChosen] = useState('env');
  const shown = snippets.find(({ id }) => id === chosen);
  if (narrow)
    return (
      <>
        <Select
          aria-label="What you send from"
          allowDeselect={false}
          data={snippets.map(({ id, label }) => ({ value: id, label }))}
          value={chosen}
          onChange={(id) => id !== null && setChosen(id)}
        />
        {shown !== undefined && <Shown snippet={shown} />}
      </>
    );
  return (
    <Tabs value={chosen} onChange={(id) => id !== null && setChosen(id)}>
      <Tabs.List mb="sm">
        {snippets.map(({ id, label }) => (
          <Tabs.Tab key={id} value={id} px="sm">
            {label}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {snippets.map((snippet) => (
        <Tabs.Panel key={snippet.id} value={snippet.id}>
          <Shown snippet={snippet} />
        </Tabs.Panel>
      ))}
    </Tabs>
  );
}

function Shown({ snippet }: { snippet: Snippet }) {
  return (
    <Box>
      <Group justify="space-between" mb={4} wrap="nowrap">
        <Text size="sm" c="dimmed">
          {snippet.where}
        </Text>
        <Copy text={snippet.code} what={`snippet for ${snippet.label}`} />
      </Group>
      <Code block tabIndex={0} role="region" aria-label={`Snippet for ${snippet.label}`}>
        {snippet.code}
      </Code>
    </Box>
  );
}
