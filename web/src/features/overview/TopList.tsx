import { Paper, ScrollArea, SegmentedControl, Skeleton, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { FORMATS } from '@/ui/charts/series';
import { short, usd } from '@/ui/numbers';
import { ShareRow } from '@/ui/ShareRow';
import { Failed } from '@/ui/states';
import { DIMENSION_NAMES, type Dimension, nameOf, RANK_UNITS, type Rank, rankOf } from './dimensions';
import classes from './Overview.module.css';
import { type Asked, topQuery } from './queries';
import { LISTS, type ListName, type OverviewSearch, toggled } from './search';

type Props = {
  list: ListName;
  dimension: Dimension;
  rank: Rank;
  /** What all values come to. */
  whole: number | undefined;
  asked: Asked;
  change: (changed: OverviewSearch) => void;
};

const ROWS = [1, 2, 3, 4, 5, 6, 7, 8];
const LIST_LABELS: Record<ListName, string> = {
  what: 'What was called',
  who: 'Who called',
  through: 'Through what',
};

/** The first values of a dimension. A click narrows the page to one, another click takes that back. */
export function TopList({ list, dimension, rank, whole, asked, change }: Props) {
  const query = useQuery(topQuery(asked, dimension, rank));
  const rows = query.data?.rows;
  const chosen = asked.filters[dimension];
  const { shown } = FORMATS[RANK_UNITS[rank]];
  const asideOf = (calls: number, cost: string) => (rank === 'cost' ? `${short(calls)} calls` : usd(cost));
  return (
    <Paper withBorder p="md" miw={0}>
      <ScrollArea type="never" mb="xs">
        <SegmentedControl
          aria-label={LIST_LABELS[list]}
          size="xs"
          value={dimension}
          data={LISTS[list].map((value) => ({ value, label: DIMENSION_NAMES[value].many }))}
          onChange={(value) => change({ [list]: LISTS[list].find((each) => each === value) })}
        />
      </ScrollArea>
      <div className={classes.top} data-stale={query.isPlaceholderData || undefined}>
        {query.isError && rows === undefined && (
          <Failed error={query.error} again={() => void query.refetch()} />
        )}
        {query.isPending && ROWS.map((row) => <Skeleton key={row} h={32} mb={4} />)}
        {rows?.length === 0 && (
          <Text size="sm" c="dimmed" p="sm">
            Nothing in this time
          </Text>
        )}
        {rows?.map((row) => {
          const value = row.value ?? '';
          const name = nameOf(dimension, row.value, row.name);
          const amount = rankOf(row, rank);
          const share = whole ? amount / whole : 0;
          const is = chosen?.includes(value) ?? false;
          return (
            <ShareRow
              key={value}
              name={name}
              share={share}
              value={shown(amount)}
              aside={asideOf(row.calls, row.cost_usd)}
              chosen={is}
              choose={{
                act: () => change({ [dimension]: toggled(chosen, value) }),
                told: is ? 'Not only' : 'Show only',
              }}
            />
          );
        })}
      </div>
    </Paper>
  );
}
