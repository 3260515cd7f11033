import { Button, Popover, Stack, UnstyledButton } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconChevronLeft, IconChevronRight, IconFilter } from '@tabler/icons-react';
import { useState } from 'react';
import { DIMENSION_NAMES, DIMENSIONS, type Dimension } from './dimensions';
import classes from './Filters.module.css';
import type { Asked } from './queries';
import type { OverviewSearch } from './search';
import { ValueChoice } from './ValueChoice';

type Props = { asked: Asked; change: (changed: OverviewSearch) => void };

/** One button for all filters: first which, then its values. */
export function FilterMenu({ asked, change }: Props) {
  const [opened, { open, close }] = useDisclosure();
  const [dimension, setDimension] = useState<Dimension | null>(null);
  return (
    <Popover
      opened={opened}
      onChange={(next) => (next ? open() : close())}
      onExitTransitionEnd={() => setDimension(null)}
      position="bottom-start"
      shadow="md"
      width={300}
      trapFocus
      returnFocus
    >
      <Popover.Target>
        <Button
          variant="default"
          size="xs"
          leftSection={<IconFilter size={14} aria-hidden />}
          onClick={opened ? close : open}
        >
          Filter
        </Button>
      </Popover.Target>
      <Popover.Dropdown p={6} aria-label="Filter">
        {dimension === null ? (
          <Stack gap={0}>
            {DIMENSIONS.map((each) => (
              <UnstyledButton key={each} className={classes.choice} onClick={() => setDimension(each)}>
                {DIMENSION_NAMES[each].one}
                <IconChevronRight size={14} aria-hidden />
              </UnstyledButton>
            ))}
          </Stack>
        ) : (
          <Stack gap={6} align="stretch">
            <Button
              variant="subtle"
              color="gray"
              size="compact-sm"
              justify="flex-start"
              leftSection={<IconChevronLeft size={14} aria-hidden />}
              onClick={() => setDimension(null)}
            >
              {DIMENSION_NAMES[dimension].one}
            </Button>
            <ValueChoice dimension={dimension} asked={asked} change={change} />
          </Stack>
        )}
      </Popover.Dropdown>
    </Popover>
  );
}
