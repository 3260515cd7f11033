import { Box, Group, Stack, Title } from '@mantine/core';
import type { ReactNode } from 'react';

/** A part of a drawer, under its own heading. */
export function Part({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <Stack gap="sm" component="section" aria-label={title}>
      <Group justify="space-between">
        <Title order={3} fz="md">
          {title}
        </Title>
        {aside}
      </Group>
      <Box fz="sm">{children}</Box>
    </Stack>
  );
}
