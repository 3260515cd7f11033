import { Group, Paper, Skeleton, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import classes from './Stat.module.css';

type Props = { label: string; children: ReactNode; note?: ReactNode; aside?: ReactNode; loading?: boolean };

/** One number on a card, with what it is compared to. Keeps its height while loading. */
export function Stat({ label, children, note, aside, loading = false }: Props) {
  return (
    <Paper p="md" withBorder component="section" aria-label={label} className={classes.card}>
      <Group justify="space-between" gap="xs" wrap="nowrap">
        <Text size="sm" c="dimmed" truncate>
          {label}
        </Text>
        {aside}
      </Group>
      <Text className={`${classes.value} number`} component="div">
        {loading ? <Skeleton h={26} w="60%" my={5} /> : children}
      </Text>
      <Text size="xs" c="dimmed" mih={18} className={classes.note} component="div">
        {loading ? <Skeleton h={10} w="40%" mt={4} /> : note}
      </Text>
    </Paper>
  );
}
