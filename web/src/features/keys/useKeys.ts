import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { seesAll, useMe } from '@/api/me';
import type { Key } from './form';
import { foundOf, totalsOf } from './own';
import { keysQuery, ownKeysQuery, type Totals, totalsQuery } from './queries';
import { type KeysSearch, queryOf } from './search';

export type Keys = {
  keys: readonly Key[] | undefined;
  totals: Totals | undefined;
  error: unknown;
  again: () => void;
  more: { has: boolean; busy: boolean; load: () => void };
};

const NO_MORE = { has: false, busy: false, load: () => {} };

/** The keys that the address asks for: the customer's for admins and managers, a member's own for members. */
export function useKeys(search: KeysSearch): Keys {
  const all = seesAll(useMe());
  const query = queryOf(search);
  const paged = useInfiniteQuery({ ...keysQuery(query), enabled: all });
  const summed = useQuery({ ...totalsQuery(query), enabled: all });
  const own = useQuery({ ...ownKeysQuery, enabled: !all });
  const found = useMemo(() => own.data && foundOf(own.data, search), [own.data, search]);
  const rows = useMemo(() => paged.data?.pages.flatMap((page) => page.keys), [paged.data]);
  if (!all) {
    return {
      keys: found,
      totals: found && totalsOf(found),
      error: own.error,
      again: () => void own.refetch(),
      more: NO_MORE,
    };
  }
  return {
    keys: rows,
    totals: summed.data,
    error: paged.error,
    again: () => void paged.refetch(),
    more: {
      has: paged.hasNextPage,
      busy: paged.isFetchingNextPage,
      load: () => void paged.fetchNextPage(),
    },
  };
}
