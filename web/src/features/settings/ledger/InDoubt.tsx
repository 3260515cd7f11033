import { Button, Text } from '@mantine/core';
import { IconZoomCheck } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { type Column, DataTable } from '@/ui/DataTable';
import { LoadingTable } from '@/ui/LoadingTable';
import { lazily } from '@/ui/lazily';
import { Money } from '@/ui/Money';
import { Empty, Failed } from '@/ui/states';
import { When } from '@/ui/When';
import { Card } from '../Section';
import { type Doubtful, inDoubtQuery } from './queries';

const CorrectModal = lazily(() => import('@/ui/corrections/CorrectModal'), 'CorrectModal');
const ReleaseModal = lazily(() => import('./ReleaseModal'), 'ReleaseModal');

const KINDS: Readonly<Record<Doubtful['kind'], { what: string; means: string }>> = {
  call: { what: 'A call', means: 'charged at its bound until its cost is known' },
  lease: { what: 'A worker’s money', means: 'set aside by a worker that is gone or silent' },
  letter: { what: 'A record', means: 'the book did not take it; the operator decides' },
};

/** Money whose fate is not known. Admins decide, managers look. */
export function InDoubt({ decides }: { decides: boolean }) {
  const found = useInfiniteQuery(inDoubtQuery);
  const rows = found.data?.pages.flatMap((page) => page.in_doubt) ?? [];
  const [chosen, setChosen] = useState<Doubtful | null>(null);
  return (
    <Card
      title="In doubt"
      about="It counts as spent until somebody knows better, so that no budget is ever exceeded."
    >
      {found.isError && <Failed error={found.error} again={() => void found.refetch()} />}
      {found.isPending && <LoadingTable rows={3} />}
      {found.isSuccess && rows.length === 0 && (
        <Empty small icon={<IconZoomCheck size={20} aria-hidden />} title="Nothing is in doubt" />
      )}
      {rows.length > 0 && (
        <DataTable
          label="List of what is in doubt"
          columns={columnsOf(decides, setChosen)}
          rows={rows}
          idOf={(item) =>
            `${item.kind} ${item.call_id ?? ''} ${item.budget_id ?? ''} ${item.worker} ${item.at}`
          }
          minWidth={660}
          more={{
            has: found.hasNextPage,
            busy: found.isFetchingNextPage,
            load: () => void found.fetchNextPage(),
          }}
        />
      )}
      {chosen?.kind === 'call' && chosen.call_id !== null && (
        <CorrectModal callId={chosen.call_id} close={() => setChosen(null)} />
      )}
      {chosen?.kind === 'lease' && chosen.budget_id !== null && (
        <ReleaseModal budgetId={chosen.budget_id} amount={chosen.amount_usd} close={() => setChosen(null)} />
      )}
    </Card>
  );
}

function columnsOf(decides: boolean, choose: (item: Doubtful) => void): Column<Doubtful>[] {
  const columns: Column<Doubtful>[] = [
    { id: 'at', head: 'Since', width: '108px', cell: (item) => <When at={item.at} style="minute" /> },
    {
      id: 'what',
      head: 'What',
      width: 'minmax(220px, 1fr)',
      cell: (item) => (
        <>
          <Text size="sm" truncate lh={1.35}>
            {item.model === null ? KINDS[item.kind].what : `${KINDS[item.kind].what} to ${item.model}`}
          </Text>
          <Text size="xs" c="dimmed" truncate lh={1.35} title={KINDS[item.kind].means}>
            {KINDS[item.kind].means}
          </Text>
        </>
      ),
    },
    {
      id: 'usd',
      head: 'Amount',
      width: '104px',
      align: 'end',
      cell: (item) => <Money usd={item.amount_usd} />,
    },
  ];
  if (!decides) return columns;
  return [
    ...columns,
    {
      id: 'decide',
      head: '',
      width: '124px',
      align: 'end',
      cell: (item) =>
        item.kind !== 'letter' && (
          <Button size="compact-xs" variant="subtle" onClick={() => choose(item)}>
            {item.kind === 'call' ? 'Say what it cost' : 'Release'}
          </Button>
        ),
    },
  ];
}
