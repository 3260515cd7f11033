import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import { usePeriod } from '@/ui/usePeriod';
import type { Asked } from './queries';
import { filtersOf, type OverviewSearch } from './search';

/** What the address says, and a way to change it: what is undefined leaves it. */
export function useOverviewSearch(): [OverviewSearch, (changed: OverviewSearch) => void] {
  const search = useSearch({ from: '/in/' });
  const navigate = useNavigate({ from: '/' });
  function change(changed: OverviewSearch) {
    void navigate({
      to: '/',
      search: (before) => ({ ...before, ...changed }),
      resetScroll: false,
    });
  }
  return [search, change];
}

/** Which calls the address is about. */
export function useAsked(search: OverviewSearch): Asked {
  const period = usePeriod(search);
  return useMemo(() => ({ filters: filtersOf(search), period }), [search, period]);
}
