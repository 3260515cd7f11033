import { Button, Paper } from '@mantine/core';
import { IconTool } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import { isAdmin, useMe } from '@/api/me';
import { DataTable } from '@/ui/DataTable';
import { LoadingTable } from '@/ui/LoadingTable';
import { PageHeader } from '@/ui/PageHeader';
import { Empty, Failed } from '@/ui/states';
import { useNarrow } from '@/ui/useNarrow';
import { columnsFor } from './columns';
import { merged, ORDERS, ordered } from './ordering';
import { toolsQuery } from './queries';

/** What people use to call models, as the spans of those tools tell. */
export function ToolsPage() {
  const { sort = '-last_seen' } = useSearch({ from: '/in/tools' });
  const navigate = useNavigate();
  const narrow = useNarrow();
  const query = useQuery(toolsQuery);
  const tools = useMemo(() => ordered(merged(query.data?.tools ?? []), sort), [query.data, sort]);
  return (
    <>
      <PageHeader title="Tools">What people use to call models, as its spans tell</PageHeader>
      {query.isError && query.data === undefined ? (
        <Failed error={query.error} again={() => void query.refetch()} what="The tools could not be loaded" />
      ) : query.data === undefined ? (
        <LoadingTable rows={9} rowHeight={56} />
      ) : tools.length === 0 ? (
        <NoTools />
      ) : (
        <DataTable
          label="Tools"
          columns={columnsFor(narrow)}
          rows={tools}
          idOf={({ tool }) => tool}
          open={(tool) => void navigate({ to: '/', search: { tool: [tool.tool] } })}
          minWidth={narrow ? 0 : 790}
          height="max(420px, calc(100dvh - 152px))"
          rowHeight={56}
          sorting={{
            by: sort,
            change: (by) =>
              void navigate({
                to: '/tools',
                search: { sort: ORDERS.find((order) => order === by) },
                resetScroll: false,
              }),
          }}
        />
      )}
    </>
  );
}

function NoTools() {
  const admin = isAdmin(useMe());
  return (
    <Paper withBorder>
      <Empty
        icon={<IconTool aria-hidden />}
        title="No tool has told of itself yet"
        action={
          admin && (
            <Button component={Link} to="/settings/otlp">
              How to send spans
            </Button>
          )
        }
      >
        Tools such as Claude Code, Codex or your own programs send OpenTelemetry spans of their calls to
        Tollhouse, and then stand here with their versions and users.
        {!admin && ' Ask an admin of your organisation to set that up.'}
      </Empty>
    </Paper>
  );
}
