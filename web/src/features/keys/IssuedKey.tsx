import { Alert, Box, Code, Group, Tabs } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { modelsQuery } from '@/api/models';
import { Copy } from '@/ui/Copy';
import { SecretOnce } from '@/ui/SecretOnce';
import { When } from '@/ui/When';
import type { Issued } from './issuing';
import { curlSnippet, exampleModel, pythonSnippet } from './snippets';

/** A raw key, this once, and a first call with it. */
export function IssuedKey({ issued, done }: { issued: Issued; done: () => void }) {
  const models = useQuery(modelsQuery);
  const all = (models.data ?? []).map((model) => model.id);
  const model = exampleModel(issued.key.allowed_models, all);
  const { origin } = window.location;
  return (
    <SecretOnce secret={issued.rawKey} what="key" done={done}>
      {issued.formerEndsAt !== null && (
        <Alert color="gray">
          The former key works until <When at={issued.formerEndsAt} style="minute" />.
        </Alert>
      )}
      <Tabs defaultValue="curl" keepMounted={false}>
        <Tabs.List>
          <Tabs.Tab value="curl">curl</Tabs.Tab>
          <Tabs.Tab value="python">Python (openai)</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="curl" pt="sm">
          <Snippet text={curlSnippet(origin, issued.rawKey, model)} />
        </Tabs.Panel>
        <Tabs.Panel value="python" pt="sm">
          <Snippet text={pythonSnippet(origin, issued.rawKey, model)} />
        </Tabs.Panel>
      </Tabs>
    </SecretOnce>
  );
}

function Snippet({ text }: { text: string }) {
  return (
    <Box pos="relative">
      <Code block tabIndex={0} fz="xs" pr={48} style={{ overflowX: 'auto' }}>
        {text}
      </Code>
      <Group pos="absolute" top={6} right={6}>
        <Copy text={text} what="example" />
      </Group>
    </Box>
  );
}
