import { Button, Group, Popover, Stack, UnstyledButton } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconChevronLeft, IconChevronRight, IconFilter } from '@tabler/icons-react';
import { type ReactNode, useState } from 'react';
import classes from './FilterMenu.module.css';

type Props<Facet extends string> = {
  facets: readonly Facet[];
  nameOf: (facet: Facet) => string;
  /** What the values of one filter are chosen with; `done` closes the menu. */
  children: (facet: Facet, done: () => void) => ReactNode;
  small?: boolean;
};

/** One button for all filters: first which, then its values. */
export function FilterMenu<Facet extends string>({ facets, nameOf, children, small = false }: Props<Facet>) {
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
          size={small ? 'xs' : 'sm'}
          leftSection={<IconFilter size={small ? 14 : 16} aria-hidden />}
          onClick={opened ? close : open}
        >
          Filter
        </Button>
      </Popover.Target>
      <Popover.Dropdown p={6} aria-label="Filter">
        {facet === null ? (
          <Stack gap={0}>
            {facets.map((each) => (
              <UnstyledButton key={each} className={classes.choice} onClick={() => setFacet(each)}>
                {nameOf(each)}
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
                {nameOf(facet)}
              </Button>
            </Group>
            {children(facet, close)}
          </Stack>
        )}
      </Popover.Dropdown>
    </Popover>
  );
}
