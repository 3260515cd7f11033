/** What a page shows when there is nothing, not yet, or not at all. */

import { Alert, Button, Center, Group, Skeleton, Stack, Text, ThemeIcon, Title } from '@mantine/core';
import { IconAlertTriangle, IconRefresh } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { Problem, told } from '@/api/problem';

type EmptyProps = { icon: ReactNode; title: string; children?: ReactNode; action?: ReactNode };

/** Nothing here yet: says why that is so and what to do next. */
export function Empty({ icon, title, children, action }: EmptyProps) {
  return (
    <Center mih={260} p="xl">
      <Stack align="center" gap="sm" maw={440}>
        <ThemeIcon size={52} radius="xl" variant="light" color="gray" aria-hidden>
          {icon}
        </ThemeIcon>
        <Title order={2} fz="lg" ta="center">
          {title}
        </Title>
        {children !== undefined && (
          <Text c="dimmed" ta="center" component="div">
            {children}
          </Text>
        )}
        {action}
      </Stack>
    </Center>
  );
}

type FailedProps = { error: unknown; again?: () => void; what?: string };

/** Something could not be shown: what, why, and a way on. */
export function Failed({ error, again, what = 'This could not be loaded' }: FailedProps) {
  const asked = error instanceof Problem && error.status === 403;
  return (
    <Alert color={asked ? 'gray' : 'red'} icon={<IconAlertTriangle aria-hidden />} title={what} role="alert">
      <Stack gap="sm" align="flex-start">
        <Text size="sm">{told(error)}</Text>
        {again !== undefined && !asked && (
          <Button
            size="xs"
            variant="default"
            leftSection={<IconRefresh size={14} aria-hidden />}
            onClick={again}
          >
            Try again
          </Button>
        )}
      </Stack>
    </Alert>
  );
}

/** As many grey lines as there will be rows, so that nothing jumps when they come. */
export function LoadingRows({ rows = 8, height = 20 }: { rows?: number; height?: number }) {
  return (
    <Stack gap="md" p="md" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, row) => row).map((row) => (
        <Group key={row} gap="lg" wrap="nowrap">
          <Skeleton h={height} w="28%" />
          <Skeleton h={height} w="18%" />
          <Skeleton h={height} w="34%" />
          <Skeleton h={height} w="20%" />
        </Group>
      ))}
    </Stack>
  );
}
