import { Box, Group, Text } from '@mantine/core';
import type { ReactNode } from 'react';

/** A name and what it is, on one line; on narrow screens below each other. */
export function Term({ name, children }: { name: string; children: ReactNode }) {
  return (
    <Group gap="4px 16px" align="baseline" py={6}>
      <Text size="sm" c="dimmed" w={170}>
        {name}
      </Text>
      <Box fz="sm" flex="1 1 200px" miw={0} style={{ overflowWrap: 'anywhere' }}>
        {children}
      </Box>
    </Group>
  );
}
