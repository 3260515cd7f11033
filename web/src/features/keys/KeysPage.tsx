import { Button } from '@mantine/core';
import { IconDownload, IconKey, IconPlus } from '@tabler/icons-react';
import { getRouteApi } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { seesAll, useMe } from '@/api/me';
import { DataTable } from '@/ui/DataTable';
import { LoadingTable } from '@/ui/LoadingTable';
import { lazily } from '@/ui/lazily';
import { PageHeader } from '@/ui/PageHeader';
import { Empty, Failed } from '@/ui/states';
import { type Breadth, useBreadth } from '@/ui/useBreadth';
import { columnsFor } from './columns';
import { Filters } from './Filters';
import type { Key, Proposed } from './form';
import { SelectionBar } from './SelectionBar';
import { columnOf, given, isNarrowed, type KeysSearch, queryOf, sortOf } from './search';
import { Totals } from './Totals';
import { useKeys } from './useKeys';
import { useSelection } from './useSelection';

const EditKeyModal = lazily(() => import('./EditKeyModal'), 'EditKeyModal');
const NewKeyModal = lazily(() => import('./NewKeyModal'), 'NewKeyModal');

const route = getRouteApi('/in/keys');
const LEAST_PX: Record<Breadth, number> = { narrow: 0, middle: 640, wide: 976 };

/** What another feature draws here; `routes/` puts them together. */
type Props = {
  whatIf: (key: Key, close: () => void, apply: (proposed: Partial<Proposed>) => void) => ReactNode;
};

export function KeysPage({ whatIf }: Props) {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const all = seesAll(useMe());
  const breadth = useBreadth();
  const found = useKeys(search);
  const selection = useSelection(found.keys ?? []);
  const narrowed = isNarrowed(search);
  const [tried, setTried] = useState<Key | null>(null);
  const [proposed, setProposed] = useState<Partial<Proposed> | null>(null);
  const failed = found.error != null && found.keys === undefined;
  const none = found.keys?.length === 0 && !narrowed;

  function change(fields: { [Name in keyof KeysSearch]?: KeysSearch[Name] | undefined }) {
    void navigate({ search: (before) => given<KeysSearch>({ ...before, ...fields }), replace: true });
  }
  function done() {
    setTried(null);
    setProposed(null);
  }
  const make = (
    <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => change({ make: true })}>
      New key
    </Button>
  );
  return (
    <>
      <PageHeader
        title="Keys"
        actions={
          <>
            {all && !none && <ExportButton search={search} />}
            {make}
          </>
        }
      >
        {all ? 'Virtual keys of all people and teams' : 'Your virtual keys, and those of your teams'}
      </PageHeader>
      {!failed && !none && <Totals totals={found.totals} narrowed={narrowed} />}
      {!none && <Filters search={search} change={change} />}
      {failed ? (
        <Failed error={found.error} what="The keys could not be loaded" again={found.again} />
      ) : found.keys === undefined ? (
        <LoadingTable rows={9} rowHeight={58} />
      ) : (
        <DataTable
          label="Keys"
          columns={columnsFor(breadth, all ? selection : null, setTried)}
          rows={found.keys}
          idOf={(key) => key.hash}
          open={(key) => void navigate({ to: '/keys/$hash', params: { hash: key.hash } })}
          more={found.more}
          sorting={{ by: columnOf(search.sort), change: (by) => change({ sort: sortOf(by) }) }}
          minWidth={LEAST_PX[breadth]}
          height="max(420px, calc(100dvh - 332px))"
          rowHeight={breadth === 'narrow' ? 70 : 58}
          nothing={narrowed ? <NothingFound /> : <NoKeys action={make} />}
        />
      )}
      {all && <SelectionBar keys={selection.keys} clear={selection.clear} />}
      {tried !== null && proposed === null && whatIf(tried, done, setProposed)}
      {tried !== null && proposed !== null && <EditKeyModal of={tried} proposed={proposed} close={done} />}
      {search.make === true && <NewKeyModal close={() => change({ make: undefined })} />}
    </>
  );
}

/** The file has what the filters leave, in the same order. */
function ExportButton({ search }: { search: KeysSearch }) {
  const asked = new URLSearchParams(queryOf(search)).toString();
  return (
    <Button
      component="a"
      href={`/v1/ai/keys/export${asked === '' ? '' : `?${asked}`}`}
      download="keys.csv"
      variant="default"
      leftSection={<IconDownload size={16} aria-hidden />}
    >
      Export CSV
    </Button>
  );
}

function NothingFound() {
  return (
    <Empty icon={<IconKey size={24} aria-hidden />} title="No key is like that">
      Change the search or clear the filters.
    </Empty>
  );
}

function NoKeys({ action }: { action: ReactNode }) {
  return (
    <Empty icon={<IconKey size={24} aria-hidden />} title="No keys yet" action={action}>
      A key lets a person, a team or a machine call models. Give it a budget and the models that it may call.
    </Empty>
  );
}
