import { VisuallyHidden } from '@mantine/core';
import type { ReactNode } from 'react';
import type { Column } from '@/ui/DataTable';
import { Tick } from '@/ui/Tick';
import type { Breadth } from '@/ui/useBreadth';
import { When } from '@/ui/When';
import { ModelsCell, NameCell, OwnerCell, SpendCell, StateBadge } from './cells';
import type { Key } from './form';
import { RowMenu } from './RowMenu';

export type Selection = {
  /** The same function for as long as nothing else is chosen: rows are drawn anew when it changes. */
  cell: (key: Key) => ReactNode;
  all: boolean;
  some: boolean;
  toggleAll: () => void;
};

const COLUMNS: readonly Column<Key>[] = [
  {
    id: 'name',
    head: 'Name',
    width: 'minmax(7.5rem, 2fr)',
    sort: 'name',
    cell: (key) => <NameCell of={key} />,
  },
  {
    id: 'owner',
    head: 'Owner or team',
    width: 'minmax(8.5rem, 1.3fr)',
    cell: (key) => <OwnerCell of={key} />,
  },
  {
    id: 'spend',
    head: 'Spend and budget',
    width: 'minmax(9.5rem, 1.4fr)',
    sort: 'spend',
    cell: (key) => <SpendCell of={key} />,
  },
  {
    id: 'models',
    head: 'Models',
    width: 'minmax(5rem, 1fr)',
    cell: (key) => <ModelsCell models={key.allowed_models} />,
  },
  {
    id: 'state',
    head: 'State',
    width: '6.375rem',
    cell: (key) => <StateBadge state={key.state} />,
  },
  {
    id: 'last_used',
    head: 'Last used',
    width: '6.75rem',
    sort: 'last_used',
    cell: (key) => <When at={key.last_used_at} none="Never" />,
  },
  {
    id: 'created',
    head: 'Created',
    width: '4.5rem',
    sort: 'created',
    cell: (key) => <When at={key.created_at} style="day" />,
  },
];

/** Left out where there is less room than on a whole screen. */
const LAST: readonly string[] = ['models', 'last_used', 'created'];

/** What a phone has room for. */
const FEW: readonly Column<Key>[] = [
  {
    id: 'name',
    head: 'Name',
    width: 'minmax(0, 1fr)',
    sort: 'name',
    cell: (key) => <NameCell of={key} whole={false} />,
  },
  {
    id: 'spend',
    head: 'Spend',
    width: 'minmax(0, 1.15fr)',
    sort: 'spend',
    cell: (key) => <SpendCell of={key} whole={false} />,
  },
];

function picking(selection: Selection): Column<Key> {
  return {
    id: 'pick',
    head: (
      <Tick
        label="Select all keys that are shown"
        checked={selection.all}
        partly={selection.some && !selection.all}
        change={selection.toggleAll}
      />
    ),
    width: '1.25rem',
    cell: selection.cell,
  };
}

function menu(tryOut: (key: Key) => void): Column<Key> {
  return {
    id: 'menu',
    head: <VisuallyHidden>Actions</VisuallyHidden>,
    width: '1.75rem',
    align: 'end',
    cell: (key) => <RowMenu of={key} tryOut={tryOut} />,
  };
}

/** `selection` null: this person changes keys one by one. `tryOut`: what if its budget were another one. */
export function columnsFor(
  breadth: Breadth,
  selection: Selection | null,
  tryOut: (key: Key) => void,
): readonly Column<Key>[] {
  if (breadth === 'narrow') return selection === null ? FEW : [picking(selection), ...FEW];
  const some = COLUMNS.filter((column) => breadth === 'wide' || !LAST.includes(column.id));
  const shown = [...some, menu(tryOut)]; // a phone has no room for it: the key's page has all
  return selection === null ? shown : [picking(selection), ...shown];
}
