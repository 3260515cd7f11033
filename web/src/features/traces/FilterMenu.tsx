import { Box } from '@mantine/core';
import { FilterMenu as Menu } from '@/ui/FilterMenu';
import type { Period } from '@/ui/timeRange';
import { BetweenCost, BetweenDuration, StatusChoice } from './bounds';
import { FACET_NAMES, type Facet } from './chips';
import { DIMENSIONS, type Dimension, type Filters } from './filters';
import { ValueChoice } from './ValueChoice';

const FACETS: readonly Facet[] = ['status', ...DIMENSIONS, 'duration', 'cost'];

type Props = { filters: Filters; change: (filters: Filters) => void; period: Period };

/** Everything by which traces may be narrowed, and how. */
export function FilterMenu({ filters, change, period }: Props) {
  return (
    <Menu facets={FACETS} nameOf={(facet) => FACET_NAMES[facet]}>
      {(facet, done) => (
        <Box px={4} pb={4}>
          <FacetEditor facet={facet} filters={filters} change={change} period={period} done={done} />
        </Box>
      )}
    </Menu>
  );
}

type EditorProps = Props & { facet: Facet; done: () => void };

/** What a filter's values are chosen with. */
export function FacetEditor({ facet, filters, change, period, done }: EditorProps) {
  if (facet === 'text') return null;
  if (facet === 'status') return <StatusChoice filters={filters} change={change} done={done} />;
  if (facet === 'duration') return <BetweenDuration filters={filters} change={change} done={done} />;
  if (facet === 'cost') return <BetweenCost filters={filters} change={change} done={done} />;
  const dimension: Dimension = facet;
  return (
    <ValueChoice
      dimension={dimension}
      chosen={filters[dimension] ?? []}
      choose={(values) => change({ [dimension]: values.length === 0 ? undefined : values })}
      period={period}
    />
  );
}
