import { Anchor, Button, Group } from '@mantine/core';
import { IconRoute, IconSearchOff } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { LoadingTable } from '@/ui/LoadingTable';
import { Empty } from '@/ui/states';
import { isFiltered, NO_FILTERS } from './filters';
import { anyTraceQuery } from './queries';
import type { TracesSearch } from './search';

type Props = { search: TracesSearch; change: (search: TracesSearch) => void };

/** Nothing matches, or there is nothing at all: two things to do. */
export function NothingFound({ search, change }: Props) {
  const { data, isPending } = useQuery(anyTraceQuery);
  if (isPending) return <LoadingTable rows={6} />;
  if (data?.traces.length === 0 && data.next_cursor === null) return <NoneAtAll />;
  if (isFiltered(search)) {
    return (
      <Empty
        icon={<IconSearchOff aria-hidden />}
        title="Nothing matches"
        action={
          <Group gap="sm" justify="center">
            <Button variant="default" onClick={() => change(NO_FILTERS)}>
              Clear filters
            </Button>
            <Longer search={search} change={change} />
          </Group>
        }
      >
        No trace of this time has a span that matches all filters.
      </Empty>
    );
  }
  return (
    <Empty
      icon={<IconSearchOff aria-hidden />}
      title="No traces in this time"
      action={<Longer search={search} change={change} />}
    />
  );
}

function Longer({ search, change }: Props) {
  if (search.range === '30d') return null;
  return (
    <Button variant="default" onClick={() => change({ range: '30d', since: undefined, until: undefined })}>
      Look at 30 days
    </Button>
  );
}

function NoneAtAll() {
  return (
    <Empty
      icon={<IconRoute aria-hidden />}
      title="No traces yet"
      action={
        <Group gap="sm" justify="center">
          <Button component={Link} to="/keys">
            Make a call with a key
          </Button>
          <Button component={Link} to="/settings/otlp" variant="default">
            Send OpenTelemetry spans
          </Button>
        </Group>
      }
    >
      Each call through Tollhouse is a trace by itself. Agents and tools that speak{' '}
      <Anchor component={Link} to="/settings/otlp" inherit>
        OpenTelemetry
      </Anchor>{' '}
      can send all their steps, too.
    </Empty>
  );
}
