import { useQuery } from '@tanstack/react-query';
import { ValueList } from '@/ui/values/ValueList';
import { DIMENSION_NAMES, type Dimension, nameOf } from './dimensions';
import { type Asked, choicesQuery } from './queries';
import type { OverviewSearch } from './search';

type Props = { dimension: Dimension; asked: Asked; change: (changed: OverviewSearch) => void };

export function ValueChoice({ dimension, asked, change }: Props) {
  const { data, error, refetch } = useQuery(choicesQuery(asked, dimension));
  const { one, many } = DIMENSION_NAMES[dimension];
  return (
    <ValueList
      one={one}
      many={many.toLowerCase()}
      rows={data?.rows}
      error={error}
      again={() => void refetch()}
      chosen={asked.filters[dimension] ?? []}
      choose={(values) => change({ [dimension]: values.length === 0 ? undefined : values })}
      rule={{ nameOf: (value, name) => nameOf(dimension, value, name) }}
    />
  );
}
