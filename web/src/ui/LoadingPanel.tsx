import { Paper, Skeleton, Stack } from '@mantine/core';

/** A panel that is on its way, of the height that it will have. */
export function LoadingPanel({ height }: { height: number | string }) {
  return (
    <Paper withBorder p="md" h={height}>
      <Stack gap="lg" h="100%">
        <Skeleton h={16} w={140} my={4} />
        <Skeleton flex={1} />
      </Stack>
    </Paper>
  );
}
