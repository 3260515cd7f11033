import { Alert, Button, Group, Stack, Text } from '@mantine/core';
import { IconMailCheck } from '@tabler/icons-react';
import { infiniteQueryOptions, useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Schemas, take } from '@/api/client';
import { type Column, DataTable } from '@/ui/DataTable';
import { LoadingTable } from '@/ui/LoadingTable';
import { lazily } from '@/ui/lazily';
import { Money } from '@/ui/Money';
import { done, failed } from '@/ui/notices';
import { Empty, Failed } from '@/ui/states';
import { When } from '@/ui/When';
import { useChange } from '../customer';
import { Card } from '../Section';

const Confirm = lazily(() => import('@/ui/Confirm'), 'Confirm');

type Letter = Schemas['DeadLetterOut'];

const PAGE = 100;
const KINDS: Readonly<Record<Letter['kind'], string>> = {
  refused: 'Refused by Stripe',
  reported: 'Reported as wrong',
  too_old: 'Too old for Stripe',
  uncertain: 'May count there',
};

const deadLettersQuery = infiniteQueryOptions({
  queryKey: ['settings', 'billing', 'dead-letters'],
  queryFn: ({ signal, pageParam }) =>
    take(
      api.GET('/v1/billing/dead-letters', { params: { query: { limit: PAGE, cursor: pageParam } }, signal }),
    ),
  initialPageParam: null as string | null,
  getNextPageParam: (page) => page.next_cursor,
});

function retry(letter: Letter, mayCountTwice: boolean) {
  const path = { entry_id: letter.entry_id };
  const body = { may_count_twice: mayCountTwice };
  return take(api.POST('/v1/billing/dead-letters/{entry_id}/retry', { params: { path }, body }));
}

/** Usage that is not sent unless somebody says so. */
export function DeadLetters() {
  const found = useInfiniteQuery(deadLettersQuery);
  const rows = found.data?.pages.flatMap((page) => page.dead_letters) ?? [];
  const [asked, setAsked] = useState<Letter | null>(null);
  const again = useChange('billing', (letter: Letter) => retry(letter, false));
  function send(letter: Letter) {
    if (letter.kind === 'uncertain') setAsked(letter);
    else
      again.mutate(letter, {
        onSuccess: () => done('It waits to be sent again'),
        onError: (error) => failed(error, 'It stays a dead letter'),
      });
  }
  return (
    <Card
      title="Dead letters"
      about="Usage that Stripe does not count, or may not. None of it is sent again by itself."
      actions={rows.length > 0 && <RetryAll />}
    >
      {found.isError && <Failed error={found.error} again={() => void found.refetch()} />}
      {found.isPending && <LoadingTable rows={3} />}
      {found.isSuccess && rows.length === 0 && (
        <Empty
          small
          icon={<IconMailCheck size={20} aria-hidden />}
          title="Everything arrived or is on its way"
        />
      )}
      {rows.length > 0 && (
        <DataTable
          label="List of dead letters"
          columns={columnsOf(send)}
          rows={rows}
          idOf={(letter) => letter.entry_id}
          minWidth={640}
          more={{
            has: found.hasNextPage,
            busy: found.isFetchingNextPage,
            load: () => void found.fetchNextPage(),
          }}
        />
      )}
      {asked !== null && <SendUncertain letter={asked} close={() => setAsked(null)} />}
    </Card>
  );
}

function columnsOf(send: (letter: Letter) => void): Column<Letter>[] {
  return [
    {
      id: 'at',
      head: 'Call',
      width: '108px',
      cell: (letter) => <When at={letter.occurred_at} style="minute" />,
    },
    {
      id: 'why',
      head: 'Why',
      width: 'minmax(200px, 1fr)',
      cell: (letter) => (
        <>
          <Text size="sm" truncate lh={1.35}>
            {KINDS[letter.kind]}
          </Text>
          <Text size="xs" c="dimmed" truncate lh={1.35} title={letter.reason ?? undefined}>
            {letter.reason ?? 'no reason was given'}
          </Text>
        </>
      ),
    },
    {
      id: 'cost',
      head: 'Cost',
      width: '100px',
      align: 'end',
      cell: (letter) => <Money usd={letter.cost_usd} />,
    },
    {
      id: 'retry',
      head: '',
      width: '110px',
      align: 'end',
      cell: (letter) => (
        <Button
          size="compact-xs"
          variant="subtle"
          disabled={letter.kind === 'too_old'}
          title={letter.kind === 'too_old' ? 'Stripe takes nothing that is so old' : undefined}
          onClick={() => send(letter)}
        >
          Send again
        </Button>
      ),
    },
  ];
}

function RetryAll() {
  const all = useChange('billing', () => take(api.POST('/v1/billing/dead-letters/retry')));
  return (
    <Button
      variant="default"
      size="xs"
      loading={all.isPending}
      onClick={() =>
        all.mutate(undefined, {
          onSuccess: ({ retried, left }) =>
            done(`${retried} wait to be sent again${left === 0 ? '' : `, ${left} stay`}`),
          onError: (error) => failed(error, 'Nothing was sent again'),
        })
      }
    >
      Send all again that surely do not count
    </Button>
  );
}

function SendUncertain({ letter, close }: { letter: Letter; close: () => void }) {
  const again = useChange('billing', () => retry(letter, true));
  return (
    <Confirm
      opened
      close={close}
      title="Send it although it may count already?"
      verb="Send again"
      busy={again.isPending}
      error={again.error}
      act={() =>
        again.mutate(undefined, {
          onSuccess: () => {
            done('It waits to be sent again');
            close();
          },
        })
      }
    >
      <Stack gap="sm">
        <Alert color="yellow">
          Look at Stripe first: an event named <b style={{ overflowWrap: 'anywhere' }}>{letter.entry_id}</b>{' '}
          may be there, since <When at={letter.maybe_sent_at} style="minute" />.
        </Alert>
        <Group gap={4}>
          If it is, <Money usd={letter.cost_usd} /> would be billed twice.
        </Group>
      </Stack>
    </Confirm>
  );
}
