import { Button } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconKey, IconPlus } from '@tabler/icons-react';
import { queryOptions, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Schemas, take } from '@/api/client';
import { type Column, DataTable } from '@/ui/DataTable';
import { hint } from '@/ui/hinting';
import { LoadingTable } from '@/ui/LoadingTable';
import { lazily } from '@/ui/lazily';
import { done } from '@/ui/notices';
import { StateDot } from '@/ui/Pill';
import { Empty, Failed } from '@/ui/states';
import text from '@/ui/text.module.css';
import { useNarrow } from '@/ui/useNarrow';
import { useNow } from '@/ui/useNow';
import { When } from '@/ui/When';
import { useChange } from '../customer';
import { Section } from '../Section';
import { scopesInWords } from './scopes';

const NewTokenModal = lazily(() => import('./NewTokenModal'), 'NewTokenModal');
const Confirm = lazily(() => import('@/ui/Confirm'), 'Confirm');

type Token = Schemas['TokenOut'];

const tokensQuery = queryOptions({
  queryKey: ['settings', 'tokens'],
  queryFn: async ({ signal }) => (await take(api.GET('/v1/tokens', { signal }))).tokens,
});

export default function TokensSection() {
  const found = useQuery(tokensQuery);
  const narrow = useNarrow();
  const [making, make] = useDisclosure();
  const [revoked, revoke] = useState<Token | null>(null);
  const add = (
    <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={make.open}>
      New token
    </Button>
  );
  return (
    <Section id="tokens" actions={add}>
      {found.isError && <Failed error={found.error} again={() => void found.refetch()} />}
      {found.isPending && <LoadingTable rows={3} />}
      {found.isSuccess && (
        <DataTable
          label="API tokens"
          columns={columnsOf(narrow, revoke)}
          rows={found.data}
          idOf={(token) => token.id}
          minWidth={narrow ? 300 : 640}
          nothing={
            <Empty icon={<IconKey aria-hidden />} title="You have no API tokens">
              Programs send one in your place, as <code>Authorization: Bearer tht_…</code>. For calls to
              models they need a virtual key instead.
            </Empty>
          }
        />
      )}
      {making && <NewTokenModal close={make.close} />}
      {revoked !== null && <Revoke token={revoked} close={() => revoke(null)} />}
    </Section>
  );
}

function columnsOf(narrow: boolean, revoke: (token: Token) => void): Column<Token>[] {
  const name: Column<Token> = {
    id: 'name',
    head: 'Token',
    width: 'minmax(120px, 1.4fr)',
    cell: (token) => (
      <>
        <div className={text.strong}>{token.name}</div>
        <div className={text.code}>{token.display}</div>
      </>
    ),
  };
  const action: Column<Token> = {
    id: 'revoke',
    head: '',
    width: '72px',
    align: 'end',
    cell: (token) => (
      <Button
        size="compact-xs"
        variant="subtle"
        color="red"
        onClick={() => revoke(token)}
        aria-label={`Revoke ${token.name}`}
      >
        Revoke
      </Button>
    ),
  };
  if (narrow) return [name, action];
  return [
    name,
    {
      id: 'scopes',
      head: 'Good for',
      width: 'minmax(140px, 2fr)',
      cell: (token) => (
        <div className={text.main} {...hint(scopesInWords(token.scopes))}>
          {scopesInWords(token.scopes)}
        </div>
      ),
    },
    {
      id: 'used',
      head: 'Last used',
      width: '108px',
      cell: (token) => <When at={token.last_used_at} none="Never" />,
    },
    { id: 'ends', head: 'Ends', width: '84px', cell: (token) => <Ends at={token.expires_at} /> },
    action,
  ];
}

function Ends({ at }: { at: string | null }) {
  const now = useNow();
  if (at !== null && new Date(at) <= now) return <StateDot colour="yellow">Ended</StateDot>;
  return <When at={at} none="Never" />;
}

function Revoke({ token, close }: { token: Token; close: () => void }) {
  const revoke = useChange('tokens', () =>
    take(api.DELETE('/v1/tokens/{token_id}', { params: { path: { token_id: token.id } } })),
  );
  return (
    <Confirm
      opened
      close={close}
      title={`Revoke ${token.name}?`}
      verb="Revoke token"
      busy={revoke.isPending}
      error={revoke.error}
      act={() =>
        revoke.mutate(undefined, {
          onSuccess: () => {
            done(`${token.name} is revoked`);
            close();
          },
        })
      }
    >
      Whatever sends it gets 401 from now on. This cannot be undone.
    </Confirm>
  );
}
