import { Box, Button, Code, Group, Stack, Text } from '@mantine/core';
import { Copy } from '@/ui/Copy';
import { Drawer } from '@/ui/dialogs';
import { Term } from '@/ui/Term';
import { When } from '@/ui/When';
import classes from './AuditLine.module.css';
import { actionOf, type Difference, differences, type Line } from './entries';
import { useAuditSearch } from './useAuditSearch';

/** One line with what it changed, side by side. */
export function AuditLine({ line, close }: { line: Line | null; close: () => void }) {
  return (
    <Drawer
      opened={line !== null}
      onClose={close}
      position="right"
      size="lg"
      title={line === null ? '' : actionOf(line.action)}
    >
      {line !== null && <Body line={line} close={close} />}
    </Drawer>
  );
}

function Body({ line, close }: { line: Line; close: () => void }) {
  const { go } = useAuditSearch();
  const changed = differences(line.before, line.after);
  return (
    <Stack gap="lg">
      <Box>
        <Term name="When">
          <When at={line.at} style="second" />
        </Term>
        <Term name="By">{line.actor_email ?? line.actor}</Term>
        <Term name="From">{line.address ?? 'No address: a command or the house itself'}</Term>
        <Term name="Of">
          <Group gap={4} wrap="nowrap">
            <Code style={{ overflowWrap: 'anywhere' }}>{line.subject}</Code>
            <Copy text={line.subject} what="id" />
          </Group>
        </Term>
      </Box>
      {changed.length === 0 ? (
        <Text size="sm" c="dimmed">
          It happened; there is no before and after.
        </Text>
      ) : (
        <Stack gap="sm">
          {changed.map((each) => (
            <Change key={each.name} change={each} />
          ))}
        </Stack>
      )}
      <Group gap="sm">
        <Button
          size="xs"
          variant="default"
          onClick={() => {
            go({ subject: line.subject });
            close();
          }}
        >
          All that happened to it
        </Button>
        <Button
          size="xs"
          variant="default"
          onClick={() => {
            go({ actor: line.actor });
            close();
          }}
        >
          All that they did
        </Button>
      </Group>
    </Stack>
  );
}

function Change({ change }: { change: Difference }) {
  return (
    <Box>
      <Text size="sm" fw={500} mb={4}>
        {change.name}
      </Text>
      {change.before !== null && (
        <div className={classes.before}>
          <span aria-hidden>−</span>
          <span className={classes.words}>was</span>
          <del className={classes.value}>{change.before}</del>
        </div>
      )}
      {change.after !== null && (
        <div className={classes.after}>
          <span aria-hidden>+</span>
          <span className={classes.words}>is</span>
          <ins className={classes.value}>{change.after}</ins>
        </div>
      )}
    </Box>
  );
}
