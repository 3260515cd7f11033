import { FilterMenu as Menu } from '@/ui/FilterMenu';
import { DIMENSION_NAMES, DIMENSIONS } from './dimensions';
import type { Asked } from './queries';
import type { OverviewSearch } from './search';
import { ValueChoice } from './ValueChoice';

type Props = { asked: Asked; change: (changed: OverviewSearch) => void };

/** The dimensions by which the overview may be narrowed, and their values. */
export function FilterMenu({ asked, change }: Props) {
  return (
    <Menu facets={DIMENSIONS} nameOf={(dimension) => DIMENSION_NAMES[dimension].one} small>
      {(dimension) => <ValueChoice dimension={dimension} asked={asked} change={change} />}
    </Menu>
  );
}
