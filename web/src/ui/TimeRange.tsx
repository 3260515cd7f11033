import { Button, Popover, Skeleton, Stack, Text, UnstyledButton } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconCalendar, IconCheck, IconChevronDown } from '@tabler/icons-react';
import { lazy, Suspense, useState } from 'react';
import classes from './TimeRange.module.css';
import { PRESET_NAMES, PRESETS, type Preset, type RangeSearch, rangeName } from './timeRange';
import { useNow } from './useNow';

/** The calendar is heavy and seldom needed. */
const CustomRange = lazy(() => import('./CustomRange'));
const CALENDAR_PX = 348;

type Props = {
  value: RangeSearch;
  /** What belongs into the address now; what is missing in it has to leave the address. */
  change: (range: RangeSearch) => void;
  presets?: readonly Preset[];
  usual?: Preset;
};

/** Chooses the time that a page is about. */
export function TimeRange({ value, change, presets = PRESETS, usual = '7d' }: Props) {
  const [opened, { toggle, close, open }] = useDisclosure();
  const [custom, setCustom] = useState(false);
  const now = useNow();
  const chosen = value.since === undefined ? (value.range ?? usual) : undefined;
  function choose(range: RangeSearch) {
    change(range);
    close();
  }
  return (
    <Popover
      opened={opened}
      onChange={(next) => (next ? open() : close())}
      onExitTransitionEnd={() => setCustom(false)}
      position="bottom-end"
      shadow="md"
      trapFocus
      returnFocus
    >
      <Popover.Target>
        <Button
          variant="default"
          onClick={toggle}
          aria-label={`Time range: ${rangeName(value, now, usual)}`}
          leftSection={<IconCalendar size={16} aria-hidden />}
          rightSection={<IconChevronDown size={14} aria-hidden />}
        >
          {rangeName(value, now, usual)}
        </Button>
      </Popover.Target>
      <Popover.Dropdown p={6} aria-label="Time range">
        {custom ? (
          <Suspense fallback={<Skeleton h={CALENDAR_PX} w={280} />}>
            <CustomRange value={value} choose={choose} back={() => setCustom(false)} />
          </Suspense>
        ) : (
          <Stack gap={0} miw={180}>
            {presets.map((preset) => (
              <Choice key={preset} chosen={preset === chosen} choose={() => choose({ range: preset })}>
                {PRESET_NAMES[preset]}
              </Choice>
            ))}
            <Choice chosen={chosen === undefined} choose={() => setCustom(true)}>
              Custom range…
            </Choice>
          </Stack>
        )}
      </Popover.Dropdown>
    </Popover>
  );
}

function Choice({ chosen, choose, children }: { chosen: boolean; choose: () => void; children: string }) {
  return (
    <UnstyledButton
      className={classes.choice}
      onClick={choose}
      aria-pressed={chosen}
      {...(chosen ? { 'data-autofocus': true } : {})}
    >
      <Text size="sm" fw={chosen ? 500 : 400}>
        {children}
      </Text>
      {chosen && <IconCheck size={16} aria-hidden />}
    </UnstyledButton>
  );
}
