import { Text } from '@mantine/core';
import type { Column } from '@/ui/DataTable';
import { When } from '@/ui/When';
import { actionOf, inShort, type Line } from './entries';

const WHEN: Column<Line> = {
  id: 'at',
  head: 'When',
  width: '108px',
  cell: (line) => <When at={line.at} style="minute" />,
};
const WHAT: Column<Line> = {
  id: 'what',
  head: 'What',
  width: 'minmax(150px, 1fr)',
  cell: (line) => (
    <>
      <Text size="sm" fw={500} truncate lh={1.35}>
        {actionOf(line.action)}
      </Text>
      <Text size="xs" c="dimmed" truncate lh={1.35} ff="monospace">
        {line.subject}
      </Text>
    </>
  ),
};

export function columnsOf(narrow: boolean): Column<Line>[] {
  if (narrow) return [{ ...WHEN, width: '108px', cell: (line) => <When at={line.at} /> }, WHAT];
  return [
    WHEN,
    WHAT,
    {
      id: 'who',
      head: 'By',
      width: 'minmax(150px, 1.1fr)',
      cell: (line) => (
        <Text size="sm" truncate>
          {line.actor_email ?? line.actor}
        </Text>
      ),
    },
    {
      id: 'change',
      head: 'Change',
      width: 'minmax(160px, 1.4fr)',
      cell: (line) => (
        <Text size="sm" c="dimmed" truncate>
          {inShort(line) || '–'}
        </Text>
      ),
    },
  ];
}
