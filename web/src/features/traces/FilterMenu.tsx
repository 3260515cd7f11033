import { Box, Button, Group, Popover, Stack, UnstyledButton } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconChevronLeft, IconChevronRight, IconFilter } from '@tabler/icons-react';
import { useState } from 'react';
import type { Period } from '@/ui/timeRange';
import { BetweenCost, BetweenDuration, StatusChoice } from './bounds';
import { FACET_NAMES, type Facet } from './chips';
import classes from './Filters.module.css';
import { DIMENSIONS, type Dimension, type Filters } from './filters';
import { ValueChoice } from './ValueChoice';

const FACETS: readonly Facet[] = ['status', ...DIMENSIONS, 'duration', 'cost'];

type Props = { filters: Filters; change: (filters: Filters) => void; period: Period };

/** One button for all filters: first which, then its values. */
export function FilterMenu({ filters, change, period }: Props) {
  const [opened, { open, close }] = useDisclosure();
  const [facet, setFacet] = useState<Facet | null>(null);
  return (
    <Popover
      opened={opened}
      onChange={(next) => (next ? open() : close())}
      onExitTransitionEnd={() => setFacet(null)}
      position="bottom-start"
      shadow="md"
      width={300}
      trapFocus
      returnFocus
    >
      <Popover.Target>
        <Button
          variant="default"
          leftSection={<IconFilter size={16} aria-hidden />}
          onClick={opened ? close : open}
        >
          Filter
        </Button>
      </Popover.Target>
      <Popover.Dropdown p={6} aria-label="Filter">
        {facet === null ? (
          <Stack gap={0}>
            {FACETS.map((each) => (
              <UnstyledButton key={each} className={classes.choice} onClick={() => setFacet(each)}>
                {FACET_NAMES[each]}
                <IconChevronRight size={14} aria-hidden />
              </UnstyledButton>
            ))}
          </Stack>
        ) : (
          <Stack gap={6}>
            <Group>
              <Button
                variant="subtle"
                color="gray"
                size="compact-sm"
                leftSection={<IconChevronLeft size={14} aria-hidden />}
                onClick={() => setFacet(null)}
              >
                {FACET_NAMES[facet]}
              </Button>
            </Group>
            <Box px={4} pb={4}>
              <FacetEditor facet={facet} filters={filters} change={change} period={period} done={close} />
            </Box>
          </Stack>
        )}
      </Popover.Dropdown>
    </Popover>
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
