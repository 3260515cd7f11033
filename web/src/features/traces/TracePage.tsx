import { Button, Skeleton, Stack } from '@mantine/core';
import { IconArrowLeft, IconRouteOff } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useLocation, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { type ReactNode, useMemo } from 'react';
import type { Schemas } from '@/api/client';
import { Problem } from '@/api/problem';
import { LoadingPanel } from '@/ui/LoadingPanel';
import { PageHeader } from '@/ui/PageHeader';
import { Empty, Failed } from '@/ui/states';
import { LinkAnchor } from './LinkAnchor';
import { Notes } from './Notes';
import { traceQuery } from './queries';
import { SpanPanel } from './SpanPanel';
import type { TraceSearch } from './search';
import { TraceFacts } from './TraceFacts';
import classes from './TracePage.module.css';
import { treeOf } from './tree';
import { Waterfall } from './Waterfall';

/** `receipt`: draws the receipt of a call, which is another feature's. */
type Props = { receipt: (callId: string, close: () => void) => ReactNode };

export function TracePage({ receipt }: Props) {
  const { traceId } = useParams({ from: '/in/traces/$traceId' });
  const search = useSearch({ from: '/in/traces/$traceId' });
  const navigate = useNavigate({ from: '/traces/$traceId' });
  const { data, error, isPending, refetch } = useQuery(traceQuery(traceId));
  function change(next: TraceSearch) {
    void navigate({
      search: (before) => ({ ...before, ...next }),
      replace: true,
      state: true,
      resetScroll: false,
    });
  }
  if (isPending) return <Loading />;
  if (data === undefined) {
    const missing = error instanceof Problem && error.status === 404;
    return (
      <>
        <PageHeader title="Trace" above={<Back />} />
        {missing ? <Missing /> : <Failed error={error} again={() => void refetch()} />}
      </>
    );
  }
  return (
    <>
      <PageHeader title={data.trace.name} above={<Back />}>
        <TraceFacts trace={data.trace} />
      </PageHeader>
      <Whole data={data} search={search} change={change} />
      {search.receipt !== undefined && receipt(search.receipt, () => change({ receipt: undefined }))}
    </>
  );
}

type WholeProps = { data: Schemas['TraceTreeOut']; search: TraceSearch; change: (next: TraceSearch) => void };

function Whole({ data, search, change }: WholeProps) {
  const tree = useMemo(() => treeOf(data.spans), [data]);
  const node = (search.span === undefined ? undefined : tree.byId.get(search.span)) ?? tree.roots[0];
  if (node === undefined) return <Missing />;
  return (
    <Stack gap="md">
      <Notes tree={tree} shown={data.spans.length} complete={data.complete} all={data.trace.spans} />
      <div className={classes.panes}>
        <Waterfall tree={tree} chosen={node.id} choose={(span) => change({ span })} />
        <SpanPanel
          node={node}
          names={data.names}
          view={search.view}
          look={(view) => change({ view })}
          showReceipt={(callId) => change({ receipt: callId })}
        />
      </div>
    </Stack>
  );
}

/** To the search that led here, or to all of them. */
function Back() {
  const search = useLocation({ select: (location) => location.state.tracesSearch });
  return (
    <LinkAnchor to="/traces" search={search ?? {}} size="sm" c="dimmed" className={classes.back}>
      <IconArrowLeft size={14} aria-hidden /> Traces
    </LinkAnchor>
  );
}

function Missing() {
  return (
    <Empty
      icon={<IconRouteOff aria-hidden />}
      title="There is no such trace"
      action={
        <Button component={Link} to="/traces" variant="default">
          Look at all traces
        </Button>
      }
    >
      It may not have arrived yet, is no longer kept, or belongs to somebody else.
    </Empty>
  );
}

function Loading() {
  return (
    <div role="status" aria-label="Loading">
      <PageHeader title="Trace" above={<Back />}>
        <Skeleton h={14} w={320} my={5} />
      </PageHeader>
      <div className={classes.panes}>
        <LoadingPanel height="var(--pane)" />
        <LoadingPanel height={380} />
      </div>
    </div>
  );
}
