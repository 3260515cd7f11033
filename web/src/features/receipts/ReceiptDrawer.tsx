import { Skeleton, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Drawer } from '@/ui/dialogs';
import { Failed } from '@/ui/states';
import { useNarrow } from '@/ui/useNarrow';
import { receiptQuery } from './queries';
import { ReceiptView } from './ReceiptView';

type Props = { callId: string; close: () => void };

/** What one call cost and why, beside whatever page asked for it. */
export function ReceiptDrawer({ callId, close }: Props) {
  const narrow = useNarrow();
  const { data, error, refetch } = useQuery(receiptQuery(callId));
  return (
    <Drawer
      opened
      onClose={close}
      position="right"
      size={narrow ? '100%' : 520}
      title="Receipt"
      styles={{ title: { fontWeight: 600 } }}
    >
      {data !== undefined ? (
        <ReceiptView receipt={data} />
      ) : error !== null ? (
        <Failed error={error} what="The receipt could not be loaded" again={() => void refetch()} />
      ) : (
        <Stack gap="lg" role="status" aria-label="Loading the receipt">
          <Skeleton h={92} />
          <Skeleton h={150} />
          <Skeleton h={300} />
        </Stack>
      )}
    </Drawer>
  );
}
