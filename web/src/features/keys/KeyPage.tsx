import { Anchor, Group, SimpleGrid, Skeleton, Text } from '@mantine/core';
import { IconArrowLeft, IconKeyOff } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { seesAll, useMe } from '@/api/me';
import { Problem } from '@/api/problem';
import { BudgetsEditor } from '@/ui/budgets/BudgetsEditor';
import { LoadingPanel } from '@/ui/LoadingPanel';
import { lazily } from '@/ui/lazily';
import { PageHeader } from '@/ui/PageHeader';
import { Panel } from '@/ui/Panel';
import { Empty, Failed } from '@/ui/states';
import { useEver } from '@/ui/useEver';
import { Actions, type Deed } from './Actions';
import { Calls } from './Calls';
import { Cards } from './Cards';
import { StateBadge } from './cells';
import { Facts } from './Facts';
import type { Key, Proposed } from './form';
import classes from './KeyPage.module.css';
import { detailsQuery } from './queries';
import { SpendPanel } from './SpendPanel';
import { given, type KeySearch } from './search';

const EditKeyModal = lazily(() => import('./EditKeyModal'), 'EditKeyModal');
const RotateModal = lazily(() => import('./RotateModal'), 'RotateModal');
const DeleteKey = lazily(() => import('./DeleteKey'), 'DeleteKey');

const route = getRouteApi('/in/keys/$hash');
const USUAL_DAYS = 30;

/** What other features draw here; `routes/` puts them together. */
type Props = {
  receipt: (callId: string, close: () => void) => ReactNode;
  whatIf: (key: Key, close: () => void, apply: (proposed: Partial<Proposed>) => void) => ReactNode;
};

export function KeyPage({ receipt, whatIf }: Props) {
  const { hash } = route.useParams();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { data, error, refetch } = useQuery(detailsQuery(hash));
  const [deed, setDeed] = useState<Deed | null>(null);
  const [proposed, setProposed] = useState<Partial<Proposed>>();
  const deleting = useEver(deed === 'delete');
  const me = useMe();

  function change(fields: { [Name in keyof KeySearch]?: KeySearch[Name] | undefined }, replace: boolean) {
    void navigate({ search: (before) => given<KeySearch>({ ...before, ...fields }), replace });
  }
  function close() {
    setDeed(null);
    setProposed(undefined);
  }
  if (data === undefined && error !== null) return <Missing error={error} again={() => void refetch()} />;
  const key = data?.key;
  return (
    <>
      <PageHeader
        title={key === undefined ? <Skeleton h={26} w={220} my={3} /> : key.name}
        tab={key?.name ?? 'Key'}
        above={<Back />}
        actions={key !== undefined && <Actions of={key} open={setDeed} />}
      >
        {key === undefined ? (
          <Skeleton h={16} w={180} my={4} />
        ) : (
          <Group gap="xs">
            <Text span ff="monospace" fz="sm">
              {key.display}
            </Text>
            <StateBadge state={key.state} />
          </Group>
        )}
      </PageHeader>
      <Cards of={data} />
      {data !== undefined && key !== undefined ? (
        <>
          <div className={classes.panes}>
            <SimpleGrid cols={1} spacing="md">
              <SpendPanel
                of={key}
                spent={data.balance.spent_usd}
                days={search.days ?? USUAL_DAYS}
                change={(days) => change({ days: days === USUAL_DAYS ? undefined : days }, true)}
              />
              <Panel title="Budgets">
                <BudgetsEditor
                  place={{ kind: 'key', ref: key.hash }}
                  name={key.name}
                  mayChange={seesAll(me)}
                  none="No budget: only those of its owner, team and organisation count."
                />
              </Panel>
            </SimpleGrid>
            <Facts of={key} />
          </div>
          <Calls of={key} latest={data.recent_calls} open={(callId) => change({ receipt: callId }, false)} />
        </>
      ) : (
        <div className={classes.panes} role="status" aria-label="Loading">
          <LoadingPanel height={338} />
          <LoadingPanel height={600} />
        </div>
      )}
      {key !== undefined && deed === 'edit' && <EditKeyModal of={key} proposed={proposed} close={close} />}
      {key !== undefined && deed === 'rotate' && (
        <RotateModal
          of={key}
          close={close}
          rotated={(to) => void navigate({ params: { hash: to }, search: true, replace: true })}
        />
      )}
      {key !== undefined && deleting && (
        <DeleteKey
          of={key}
          opened={deed === 'delete'}
          close={close}
          gone={() => void navigate({ to: '/keys' })}
        />
      )}
      {key !== undefined &&
        deed === 'what-if' &&
        whatIf(key, close, (wanted) => {
          setProposed(wanted);
          setDeed('edit');
        })}
      {search.receipt !== undefined && receipt(search.receipt, () => change({ receipt: undefined }, true))}
    </>
  );
}

function Back() {
  return (
    <Anchor component={Link} to="/keys" c="dimmed" fz="sm" mb={6} style={{ display: 'inline-flex', gap: 4 }}>
      <IconArrowLeft size={14} aria-hidden style={{ alignSelf: 'center' }} />
      Keys
    </Anchor>
  );
}

function Missing({ error, again }: { error: unknown; again: () => void }) {
  if (!(error instanceof Problem && error.status === 404))
    return (
      <>
        <PageHeader title="Key" above={<Back />} />
        <Failed error={error} what="The key could not be loaded" again={again} />
      </>
    );
  return (
    <>
      <PageHeader title="Key" above={<Back />} />
      <Empty icon={<IconKeyOff size={24} aria-hidden />} title="There is no such key">
        It was deleted, or rotated and has another hash now, or it is not yours to see.
      </Empty>
    </>
  );
}
