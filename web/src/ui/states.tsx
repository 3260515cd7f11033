/** What a page shows when there is nothing, not yet, or not at all. */

import { Alert, Button, Center, Skeleton, Stack, Text, ThemeIcon, Title } from '@mantine/core';
import { IconAlertTriangle, IconRefresh } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { Problem, told } from '@/api/problem';
import classes from './states.module.css';

type EmptyProps = {
  icon: ReactNode;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
  /** Within a card that has a heading of its own. */
  small?: boolean;
};

/** Nothing here yet: says why that is so and what to do next. */
export function Empty({ icon, title, children, action, small = false }: EmptyProps) {
  return (
    <Center mih={small ? 120 : 260} p={small ? 'xs' : 'xl'}>
      <Stack align="center" gap="sm" maw={440}>
        <ThemeIcon size={small ? 40 : 52} radius="xl" variant="light" color="gray" aria-hidden>
          {icon}
        </ThemeIcon>
        <Title order={small ? 4 : 2} fz={small ? 'sm' : 'lg'} ta="center" style={{ textWrap: 'balance' }}>
          {title}
        </Title>
        {children !== undefined && (
          <Text c="dimmed" size="sm" ta="center" component="div" mb={4} style={{ textWrap: 'pretty' }}>
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

/** As many grey lines as there will be; of a table that is on its way there is `LoadingTable`. */
export function LoadingRows({ rows }: { rows: number }) {
  return (
    <div role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, row) => row).map((row) => (
        <div key={row} className={classes.line}>
          <Skeleton h={14} w="28%" />
          <Skeleton h={14} w="18%" />
          <Skeleton h={14} w="34%" />
          <Skeleton h={14} w="20%" />
        </div>
      ))}
    </div>
  );
}
