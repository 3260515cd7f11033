/** Filters that are no list of values: a status, and bounds of duration and cost. */

import { Button, Group, NumberInput, Stack, TextInput, UnstyledButton } from '@mantine/core';
import { IconCheck } from '@tabler/icons-react';
import { type FormEvent, useState } from 'react';
import classes from '@/ui/FilterMenu.module.css';
import { dollars, type Filters, STATUS_NAMES, STATUSES } from './filters';

type Props = { filters: Filters; change: (filters: Filters) => void; done: () => void };

export function StatusChoice({ filters, change, done }: Props) {
  return (
    <Stack gap={0}>
      {STATUSES.map((status) => (
        <UnstyledButton
          key={status}
          className={classes.choice}
          aria-pressed={filters.status === status}
          onClick={() => {
            change({ status: filters.status === status ? undefined : status });
            done();
          }}
        >
          {STATUS_NAMES[status]}
          {filters.status === status && <IconCheck size={16} aria-hidden />}
        </UnstyledButton>
      ))}
    </Stack>
  );
}

const MS_PER_S = 1000;

export function BetweenDuration({ filters, change, done }: Props) {
  const [least, setLeast] = useState<number | string>(seconds(filters.min_ms));
  const [most, setMost] = useState<number | string>(seconds(filters.max_ms));
  const crossed = least !== '' && most !== '' && Number(least) > Number(most);
  function apply(event: FormEvent) {
    event.preventDefault();
    if (crossed) return;
    change({ min_ms: inMs(least), max_ms: inMs(most) });
    done();
  }
  const common = { min: 0, max: 1_000_000, decimalScale: 3, suffix: ' s', hideControls: true };
  return (
    <form onSubmit={apply} noValidate>
      <Group grow gap="xs" align="flex-start">
        <NumberInput
          label="From"
          value={least}
          onChange={setLeast}
          placeholder="0 s"
          data-autofocus
          {...common}
        />
        <NumberInput
          label="To"
          value={most}
          onChange={setMost}
          placeholder="any"
          error={crossed ? 'Less than from' : undefined}
          {...common}
        />
      </Group>
      <Apply />
    </form>
  );
}

function seconds(ms: number | undefined): number | string {
  return ms === undefined ? '' : ms / MS_PER_S;
}

function inMs(value: number | string): number | undefined {
  return value === '' || !Number.isFinite(Number(value)) ? undefined : Math.round(Number(value) * MS_PER_S);
}

export function BetweenCost({ filters, change, done }: Props) {
  const [least, setLeast] = useState(filters.min_usd ?? '');
  const [most, setMost] = useState(filters.max_usd ?? '');
  const [checked, setChecked] = useState(false);
  function apply(event: FormEvent) {
    event.preventDefault();
    setChecked(true);
    if (wrong(least) !== undefined || wrong(most) !== undefined) return;
    change({ min_usd: dollars(least), max_usd: dollars(most) });
    done();
  }
  const error = (value: string) => (checked ? wrong(value) : undefined);
  return (
    <form onSubmit={apply} noValidate>
      <Group grow gap="xs" align="flex-start">
        <TextInput
          label="From"
          inputMode="decimal"
          leftSection="$"
          placeholder="0.00"
          value={least}
          onChange={(event) => setLeast(event.currentTarget.value)}
          error={error(least)}
          data-autofocus
        />
        <TextInput
          label="To"
          inputMode="decimal"
          leftSection="$"
          placeholder="any"
          value={most}
          onChange={(event) => setMost(event.currentTarget.value)}
          error={error(most)}
        />
      </Group>
      <Apply />
    </form>
  );
}

function wrong(value: string): string | undefined {
  return value.trim() === '' || dollars(value) !== undefined ? undefined : 'As in 0.05';
}

function Apply() {
  return (
    <Button type="submit" size="xs" mt="sm" fullWidth>
      Apply
    </Button>
  );
}
