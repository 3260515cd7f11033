import { Avatar, Group, Text } from '@mantine/core';
import { colourOf } from '@/ui/chartColours';
import type { Column } from '@/ui/DataTable';
import { Tokens } from '@/ui/Tokens';
import { When } from '@/ui/When';
import { monogram, type Tool, tokensOf } from './ordering';

/** Without a name there are only our own spans of its calls. */
const UNNAMED = 'seen in its calls';

const COLUMNS: readonly Column<Tool>[] = [
  {
    id: 'tool',
    head: 'Tool',
    width: 'minmax(220px, 2fr)',
    sort: 'tool',
    cell: (tool) => <Name tool={tool} />,
  },
  {
    id: 'version',
    head: 'Version',
    width: 'minmax(80px, 1fr)',
    cell: ({ version }) =>
      version ?? (
        <Text span inherit c="dimmed">
          –
        </Text>
      ),
  },
  {
    id: 'first',
    head: 'First seen',
    width: '120px',
    sort: 'first_seen',
    cell: (tool) => <When at={tool.first_seen_at} />,
  },
  {
    id: 'last',
    head: 'Last seen',
    width: '130px',
    sort: 'last_seen',
    cell: (tool) => <When at={tool.last_seen_at} />,
  },
  {
    id: 'users',
    head: 'Users',
    width: '76px',
    align: 'end',
    sort: 'users',
    cell: (tool) => <Tokens of={tool.users} />,
  },
  {
    id: 'calls',
    head: 'Calls',
    width: '88px',
    align: 'end',
    sort: 'calls',
    cell: (tool) => <Tokens of={tool.calls} />,
  },
  {
    id: 'tokens',
    head: 'Tokens',
    width: '88px',
    align: 'end',
    sort: 'tokens',
    cell: (tool) => <Tokens of={tokensOf(tool)} />,
  },
];

/** What a phone has room for. */
const FEW: readonly string[] = ['tool', 'calls', 'tokens'];

export function columnsFor(narrow: boolean): readonly Column<Tool>[] {
  return narrow
    ? COLUMNS.filter(({ id }) => FEW.includes(id)).map((column) =>
        column.id === 'tool' ? { ...column, width: 'minmax(0, 1fr)' } : { ...column, width: '56px' },
      )
    : COLUMNS;
}

function Name({ tool: { tool, vendors } }: { tool: Tool }) {
  return (
    <Group gap="sm" wrap="nowrap">
      <Avatar
        size={32}
        radius="md"
        color={colourOf(tool)}
        variant="light"
        styles={{ placeholder: { color: 'var(--mantine-color-text)' } }}
        aria-hidden
      >
        {monogram(tool)}
      </Avatar>
      <div style={{ minWidth: 0 }}>
        <Text size="sm" fw={500} truncate>
          {tool}
        </Text>
        <Text size="xs" c="dimmed" truncate>
          {vendors.length === 0 ? UNNAMED : vendors.join(', ')}
        </Text>
      </div>
    </Group>
  );
}
