import { Button, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconReceiptRefund } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { type Column, DataTable } from '@/ui/DataTable';
import { LoadingTable } from '@/ui/LoadingTable';
import { lazily } from '@/ui/lazily';
import { Money } from '@/ui/Money';
import { Empty, Failed } from '@/ui/states';
import { When } from '@/ui/When';
import { Card } from '../Section';
import { type Adjustment, adjustmentsQuery } from './queries';

const CorrectModal = lazily(() => import('@/ui/corrections/CorrectModal'), 'CorrectModal');

const COLUMNS: Column<Adjustment>[] = [
  { id: 'at', head: 'Booked', width: '108px', cell: (each) => <When at={each.at} style="minute" /> },
  {
    id: 'call',
    head: 'Call',
    width: 'minmax(150px, 1fr)',
    cell: (each) => (
      <>
        <Text size="sm" truncate lh={1.35}>
          {each.model}
        </Text>
        <Text size="xs" c="dimmed" ff="monospace" truncate lh={1.35} title={each.call_id}>
          {each.call_id}
        </Text>
      </>
    ),
  },
  {
    id: 'reason',
    head: 'Reason',
    width: 'minmax(150px, 1.2fr)',
    cell: (each) => (
      <Text size="sm" truncate title={each.reason}>
        {each.reason}
      </Text>
    ),
  },
  {
    id: 'difference',
    head: 'Difference',
    width: '116px',
    align: 'end',
    cell: (each) => <Money usd={each.difference_usd} />,
  },
];

export function Adjustments({ adjusts }: { adjusts: boolean }) {
  const found = useInfiniteQuery(adjustmentsQuery);
  const rows = found.data?.pages.flatMap((page) => page.adjustments) ?? [];
  const [making, make] = useDisclosure();
  return (
    <Card
      title="Corrections"
      about="What calls really cost, where that was not what was booked."
      actions={
        adjusts && (
          <Button variant="default" size="xs" onClick={make.open}>
            Correct a call
          </Button>
        )
      }
    >
      {found.isError && <Failed error={found.error} again={() => void found.refetch()} />}
      {found.isPending && <LoadingTable rows={3} />}
      {found.isSuccess && rows.length === 0 && (
        <Empty small icon={<IconReceiptRefund size={20} aria-hidden />} title="No call was ever corrected" />
      )}
      {rows.length > 0 && (
        <DataTable
          label="List of corrections"
          columns={COLUMNS}
          rows={rows}
          idOf={(each) => each.entry_id}
          minWidth={700}
          more={{
            has: found.hasNextPage,
            busy: found.isFetchingNextPage,
            load: () => void found.fetchNextPage(),
          }}
        />
      )}
      {making && <CorrectModal close={make.close} />}
    </Card>
  );
}
