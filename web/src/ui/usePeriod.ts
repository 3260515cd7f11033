import { useMemo } from 'react';
import { type Period, type Preset, periodOf, type RangeSearch } from './timeRange';
import { useNow } from './useNow';

/** The moments of the range in the address; the same object until a step is over or another range is chosen. */
export function usePeriod(search: RangeSearch, usual?: Preset): Period {
  const { since, until, live } = periodOf(search, useNow(), usual);
  return useMemo(() => ({ since, until, live }), [since, until, live]);
}
