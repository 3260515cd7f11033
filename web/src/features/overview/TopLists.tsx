import { Group, SegmentedControl, SimpleGrid, Title } from '@mantine/core';
import type { Schemas } from '@/api/client';
import { MEASURE_NAMES, RANKS, type Rank, rankOf } from './dimensions';
import type { Asked } from './queries';
import { LISTS, type ListName, type OverviewSearch } from './search';
import { TopList } from './TopList';

type Props = {
  asked: Asked;
  overview: Schemas['OverviewOut'] | undefined;
  search: OverviewSearch;
  change: (changed: OverviewSearch) => void;
};

const NAMES = Object.keys(LISTS) as ListName[];

/** Who and what it was: three lists, each by one of a few dimensions. */
export function TopLists({ asked, overview, search, change }: Props) {
  const rank: Rank = search.rank ?? 'cost';
  return (
    <section aria-labelledby="top-lists">
      <Group justify="space-between" mb="sm" gap="xs">
        <Title order={2} fz="md" id="top-lists">
          Where it goes
        </Title>
        <SegmentedControl
          aria-label="Order by"
          size="xs"
          value={rank}
          data={RANKS.map((value) => ({ value, label: MEASURE_NAMES[value] }))}
          onChange={(value) => change({ rank: RANKS.find((each) => each === value) })}
        />
      </Group>
      <SimpleGrid cols={{ base: 1, lg: 3 }} spacing="md">
        {NAMES.map((list) => (
          <TopList
            key={list}
            list={list}
            dimension={search[list] ?? LISTS[list][0]}
            rank={rank}
            whole={overview && rankOf(overview.totals, rank)}
            asked={asked}
            change={change}
          />
        ))}
      </SimpleGrid>
    </section>
  );
}
