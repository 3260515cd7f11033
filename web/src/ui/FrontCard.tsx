import { Box, Center, Paper, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { Brand } from './Brand';
import classes from './FrontCard.module.css';
import { useTabTitle } from './useTabTitle';

type Props = { title: string; lead?: ReactNode; children: ReactNode; below?: ReactNode };

/** The one card of a page outside of the shell: for somebody who is not signed in, or of whom that is not known. `below`: where else one may want to go. */
export function FrontCard({ title, lead, children, below }: Props) {
  useTabTitle(title);
  return (
    <main className={classes.page}>
      <div className={classes.column}>
        <Center mb="xl">
          <Brand />
        </Center>
        <Paper withBorder shadow="xs" radius="lg" className={classes.card ?? ''}>
          <Box mb="lg">
            <Title order={1} fz={22} lh={1.3} style={{ overflowWrap: 'anywhere' }}>
              {title}
            </Title>
            {lead !== undefined && (
              <Text c="dimmed" size="sm" mt={6} component="div" style={{ overflowWrap: 'anywhere' }}>
                {lead}
              </Text>
            )}
          </Box>
          {children}
        </Paper>
        {below !== undefined && (
          <Text size="sm" c="dimmed" ta="center" mt="lg" component="div">
            {below}
          </Text>
        )}
      </div>
    </main>
  );
}
