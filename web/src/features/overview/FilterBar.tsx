import { Button, CloseButton, Group, Text } from '@mantine/core';
import { useQueries } from '@tanstack/react-query';
import { DIMENSION_NAMES, DIMENSIONS, type Dimension, nameOf } from './dimensions';
import { FilterMenu } from './FilterMenu';
import classes from './Filters.module.css';
import { type Asked, choicesQuery } from './queries';
import { NO_FILTERS, type OverviewSearch, toggled } from './search';

type Props = { asked: Asked; change: (changed: OverviewSearch) => void };

const CALLED: readonly Dimension[] = ['user', 'team', 'key'];

/** What the page is narrowed to: each value can be taken away by itself. */
export function FilterBar({ asked, change }: Props) {
  const names = useNames(asked);
  const chosen = DIMENSIONS.flatMap((dimension) =>
    (asked.filters[dimension] ?? []).map((value) => ({ dimension, value, name: names(dimension, value) })),
  );
  return (
    <Group gap="xs" role="group" aria-label="Filters">
      <FilterMenu asked={asked} change={change} />
      {chosen.map(({ dimension, value, name }) => (
        <span key={`${dimension} ${value}`} className={classes.chip}>
          <Text span size="xs" c="dimmed">
            {DIMENSION_NAMES[dimension].one}
          </Text>
          <Text span size="sm" truncate>
            {name}
          </Text>
          <CloseButton
            size="xs"
            aria-label={`Remove filter: ${DIMENSION_NAMES[dimension].one} ${name}`}
            onClick={() => change({ [dimension]: toggled(asked.filters[dimension], value) })}
          />
        </span>
      ))}
      {chosen.length > 1 && (
        <Button size="compact-sm" variant="subtle" color="gray" onClick={() => change(NO_FILTERS)}>
          Clear all
        </Button>
      )}
    </Group>
  );
}

/** What people call the users, teams and keys in the address. Asked only where there are some. */
function useNames(asked: Asked): (dimension: Dimension, value: string) => string {
  const answers = useQueries({
    queries: CALLED.map((dimension) => ({
      ...choicesQuery(asked, dimension),
      enabled: asked.filters[dimension] !== undefined,
    })),
  });
  return (dimension, value) => {
    const answer = answers[CALLED.indexOf(dimension)];
    const row = answer?.data?.rows.find((each) => each.value === value);
    return answer?.isPending && value !== '' ? '…' : nameOf(dimension, value, row?.name ?? null);
  };
}
