import { ActionIcon, Button, Group, Popover, UnstyledButton } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconX } from '@tabler/icons-react';
import type { Period } from '@/ui/timeRange';
import type { Chip } from './chips';
import { FacetEditor } from './FilterMenu';
import classes from './Filters.module.css';
import { type Filters, NO_FILTERS } from './filters';

type Props = {
  chips: readonly Chip[];
  filters: Filters;
  change: (filters: Filters) => void;
  period: Period;
};

/** The filters that hold, each to be changed or taken away. */
export function Chips({ chips, filters, change, period }: Props) {
  return (
    <Group gap={6} role="group" aria-label="Filters">
      {chips.map((chip) => (
        <OneChip key={chip.facet} chip={chip} filters={filters} change={change} period={period} />
      ))}
      <Button variant="subtle" color="gray" size="compact-sm" onClick={() => change(NO_FILTERS)}>
        Clear all
      </Button>
    </Group>
  );
}

type OneProps = Omit<Props, 'chips'> & { chip: Chip };

function OneChip({ chip, filters, change, period }: OneProps) {
  const [opened, { open, close }] = useDisclosure();
  return (
    <span className={classes.chip}>
      <Popover
        opened={opened}
        onChange={(next) => (next ? open() : close())}
        position="bottom-start"
        shadow="md"
        width={300}
        trapFocus
        returnFocus
      >
        <Popover.Target>
          <UnstyledButton className={classes.chipText} onClick={opened ? close : open}>
            <span className={classes.chipLabel}>{chip.label}</span> {chip.value}
          </UnstyledButton>
        </Popover.Target>
        <Popover.Dropdown p={10} aria-label={chip.label}>
          <FacetEditor facet={chip.facet} filters={filters} change={change} period={period} done={close} />
        </Popover.Dropdown>
      </Popover>
      <ActionIcon
        variant="subtle"
        color="gray"
        size="sm"
        radius="xl"
        mr={3}
        aria-label={`Remove filter ${chip.label.toLowerCase()}`}
        onClick={() => change(chip.without)}
      >
        <IconX size={13} aria-hidden />
      </ActionIcon>
    </span>
  );
}
