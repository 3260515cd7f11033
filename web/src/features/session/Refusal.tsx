import { Alert } from '@mantine/core';
import { IconAlertTriangle, IconClock, IconInfoCircle } from '@tabler/icons-react';
import type { ReactNode } from 'react';

const LOOKS = {
  refused: { color: 'red', icon: <IconAlertTriangle aria-hidden /> },
  wait: { color: 'yellow', icon: <IconClock aria-hidden /> },
  note: { color: 'gray', icon: <IconInfoCircle aria-hidden /> },
} as const;

/** What stands above a form: why it was refused, or what to know before. Read out as soon as it appears. */
export function Refusal({ kind = 'refused', children }: { kind?: keyof typeof LOOKS; children: ReactNode }) {
  return (
    <Alert {...LOOKS[kind]} role="alert" p="sm">
      {children}
    </Alert>
  );
}
