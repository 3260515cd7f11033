/** First and last day by calendar. A file of its own, loaded when somebody asks for it. */

import { Button, Group, Stack, Text } from '@mantine/core';
import { DatePicker } from '@mantine/dates';
import '@mantine/dates/styles.css';
import { IconChevronLeft } from '@tabler/icons-react';
import { useState } from 'react';
import type { RangeSearch } from './timeRange';

type Days = [string | null, string | null];
type Props = { value: RangeSearch; choose: (range: RangeSearch) => void; back: () => void };

export default function CustomRange({ value, choose, back }: Props) {
  const [days, setDays] = useState<Days>([dayOf(value.since), dayOf(value.until)]);
  const [since, until] = days;
  return (
    <Stack gap="xs" p={6}>
      <DatePicker
        type="range"
        allowSingleDateInRange
        value={days}
        onChange={setDays}
        maxDate={new Date().toISOString().slice(0, 10)}
        firstDayOfWeek={1}
        weekendDays={[]}
        highlightToday
        size="sm"
        ariaLabels={{
          previousMonth: 'Month before',
          nextMonth: 'Next month',
          monthLevelControl: 'Choose a month',
        }}
      />
      <Text size="xs" c="dimmed">
        Whole days in UTC.
      </Text>
      <Group justify="space-between">
        <Button
          variant="subtle"
          size="compact-sm"
          onClick={back}
          leftSection={<IconChevronLeft size={14} aria-hidden />}
        >
          Presets
        </Button>
        <Button
          size="compact-sm"
          disabled={since === null || until === null}
          onClick={() => {
            if (since !== null && until !== null) choose({ since, until });
          }}
        >
          Apply
        </Button>
      </Group>
    </Stack>
  );
}

function dayOf(time: string | undefined): string | null {
  return time === undefined ? null : time.slice(0, 10);
}
