import { Anchor } from '@mantine/core';
import { IconPhoneCall } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { Schemas } from '@/api/client';
import { type Column, DataTable } from '@/ui/DataTable';
import { Money } from '@/ui/Money';
import { duration } from '@/ui/numbers';
import { Panel } from '@/ui/Panel';
import { Pill } from '@/ui/Pill';
import { Empty, Failed } from '@/ui/states';
import { Tokens } from '@/ui/Tokens';
import text from '@/ui/text.module.css';
import { type Breadth, useBreadth } from '@/ui/useBreadth';
import { When } from '@/ui/When';
import type { Key } from './form';
import { callsQuery } from './queries';

type Receipt = Schemas['ReceiptOut'];

const NOT_ALL = 'Not all calls could be loaded';

const COLUMNS: readonly Column<Receipt>[] = [
  { id: 'at', head: 'When', width: '7rem', cell: (call) => <When at={call.started_at} /> },
  {
    id: 'model',
    head: 'Model',
    width: 'minmax(8rem, 2fr)',
    cell: (call) => (
      <div className={text.main} title={`${call.provider}/${call.model}`}>
        {call.model}
      </div>
    ),
  },
  {
    id: 'tokens',
    head: 'Tokens in / out',
    width: '7.5rem',
    align: 'end',
    cell: (call) => (
      <>
        <Tokens of={call.tokens.input} /> / <Tokens of={call.tokens.output} />
      </>
    ),
  },
  {
    id: 'took',
    head: 'Took',
    width: '4.5rem',
    align: 'end',
    cell: (call) => <span className="number">{duration(call.duration_ms)}</span>,
  },
  {
    id: 'cost',
    head: 'Cost',
    width: '6rem',
    align: 'end',
    cell: (call) => <Money usd={call.adjusted_cost_usd ?? call.cost_usd} />,
  },
  { id: 'entry', head: 'Outcome', width: '7.5rem', cell: (call) => <Outcome of={call} /> },
];

/** What half a screen has room for. */
const MOST = COLUMNS.filter((column) => column.id !== 'took');

/** What a phone has room for. */
const FEW: readonly Column<Receipt>[] = [
  {
    id: 'model',
    head: 'Model',
    width: 'minmax(0, 1fr)',
    cell: (call) => (
      <>
        <div className={text.main}>{call.model}</div>
        <div className={text.note}>
          <When at={call.started_at} />
        </div>
      </>
    ),
  },
  {
    id: 'cost',
    head: 'Cost',
    width: '6rem',
    align: 'end',
    cell: (call) => <Money usd={call.adjusted_cost_usd ?? call.cost_usd} />,
  },
];

function Outcome({ of: call }: { of: Receipt }) {
  const well = call.outcome === 'completed';
  return (
    <div className={text.pair}>
      {!well && <Pill colour="red">{call.outcome.replaceAll('_', ' ')}</Pill>}
      {well && call.entry.kind === 'exact' && <Pill colour="pine">completed</Pill>}
      {call.entry.kind !== 'exact' && <Pill colour="yellow">{call.entry.kind.replaceAll('_', ' ')}</Pill>}
    </div>
  );
}

const SHOWN: Record<Breadth, readonly Column<Receipt>[]> = { narrow: FEW, middle: MOST, wide: COLUMNS };
const LEAST_PX: Record<Breadth, number> = { narrow: 0, middle: 672, wide: 760 };

type Props = { of: Key; latest: readonly Receipt[]; open: (callId: string) => void };

/** The key's calls, newest first; each opens its receipt. `latest`: those that are known before there is a page. */
export function Calls({ of: key, latest, open }: Props) {
  const breadth = useBreadth();
  const found = useInfiniteQuery({
    ...callsQuery(key.hash),
    placeholderData: { pages: [{ calls: [...latest], next_cursor: null }], pageParams: [null] },
  });
  const calls = found.data?.pages.flatMap((page) => page.calls) ?? latest;
  return (
    <Panel
      title="Calls"
      actions={
        <Anchor
          size="sm"
          renderRoot={(props) => <Link to="/traces" search={{ range: '30d', key: [key.id] }} {...props} />}
        >
          All traces of this key
        </Anchor>
      }
    >
      {found.isError && <Failed error={found.error} again={() => void found.refetch()} what={NOT_ALL} />}
      <DataTable
        label="Calls"
        columns={SHOWN[breadth]}
        rows={calls}
        idOf={(call) => call.call_id}
        open={(call) => open(call.call_id)}
        more={{
          has: found.hasNextPage && !found.isError,
          busy: found.isFetchingNextPage,
          load: () => void found.fetchNextPage(),
        }}
        minWidth={LEAST_PX[breadth]}
        rowHeight={breadth === 'narrow' ? 56 : 44}
        height="480px"
        nothing={
          <Empty icon={<IconPhoneCall size={24} aria-hidden />} title="No calls yet">
            Calls that are made with this key appear here within seconds.
          </Empty>
        }
      />
    </Panel>
  );
}
