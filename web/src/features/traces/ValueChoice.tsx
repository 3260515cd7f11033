import { useQuery } from '@tanstack/react-query';
import type { Period } from '@/ui/timeRange';
import { ValueList } from '@/ui/values/ValueList';
import { DIMENSION_NAMES, type Dimension } from './filters';
import { choicesQuery } from './queries';
import { ruleOf } from './values';

type Props = {
  dimension: Dimension;
  chosen: readonly string[];
  choose: (values: string[]) => void;
  period: Period;
};

export function ValueChoice({ dimension, chosen, choose, period }: Props) {
  const { data, error, refetch } = useQuery(choicesQuery(dimension, period));
  const one = DIMENSION_NAMES[dimension];
  return (
    <ValueList
      one={one}
      many={`${one.toLowerCase()}s`}
      rows={data?.rows}
      error={error}
      again={() => void refetch()}
      chosen={chosen}
      choose={choose}
      rule={ruleOf(dimension)}
      few={dimension === 'source'}
    />
  );
}
