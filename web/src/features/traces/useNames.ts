import { useQueries } from '@tanstack/react-query';
import type { Period } from '@/ui/timeRange';
import { type NameOf, plainName } from './chips';
import type { Dimension, Filters } from './filters';
import { choicesQuery } from './queries';

const NAMED: readonly Dimension[] = ['user', 'team', 'key'];

/** What people call the users, teams and keys in the address. Asked only where there are some. */
export function useNames(filters: Filters, period: Period): NameOf {
  const answers = useQueries({
    queries: NAMED.map((dimension) => ({
      ...choicesQuery(dimension, period),
      enabled: filters[dimension] !== undefined,
    })),
  });
  return (dimension, value) => {
    const at = NAMED.indexOf(dimension);
    const row = answers[at]?.data?.rows.find((each) => each.value === value);
    return row?.name ?? plainName(dimension, value);
  };
}
