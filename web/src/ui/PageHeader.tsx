import { Box, Group, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTabTitle } from './useTabTitle';

type Props = { title: ReactNode; tab?: string; children?: ReactNode; actions?: ReactNode; above?: ReactNode };

/** The head of a page, and the title of the browser's tab. `above`: the way back. */
export function PageHeader({ title, tab, children, actions, above }: Props) {
  useTabTitle(tab ?? (typeof title === 'string' ? title : undefined));
  return (
    <Box component="header" mb="lg">
      {above}
      <Group justify="space-between" align="flex-start" gap="md">
        <Box miw={0}>
          <Title order={1} fz={24} lh={1.3} style={{ overflowWrap: 'anywhere' }}>
            {title}
          </Title>
          {children !== undefined && (
            <Text c="dimmed" size="sm" mt={4} component="div" style={{ textWrap: 'pretty' }}>
              {children}
            </Text>
          )}
        </Box>
        {actions !== undefined && <Group gap="sm">{actions}</Group>}
      </Group>
    </Box>
  );
}
