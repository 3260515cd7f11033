import { Group, Text } from '@mantine/core';

/** The house at the gate, and its name. */
export function Brand() {
  return (
    <Group gap={10} wrap="nowrap">
      <img src="/favicon.svg" alt="" width={26} height={26} />
      <Text fw={650} fz={17} lh={1} style={{ letterSpacing: '-0.02em' }}>
        Tollhouse
      </Text>
    </Group>
  );
}
