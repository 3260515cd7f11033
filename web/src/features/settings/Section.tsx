import { Box, Group, Paper, Skeleton, Stack, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { SECTIONS, type SectionId } from './sections';

/** A part of the settings under its heading. */
export function Section({
  id,
  actions,
  children,
}: {
  id: SectionId;
  actions?: ReactNode;
  children: ReactNode;
}) {
  const section = SECTIONS.find((each) => each.id === id);
  return (
    <Stack gap="lg">
      <Group justify="space-between" align="flex-start" gap="sm">
        <Box miw={0}>
          <Title order={2} fz="lg">
            {section?.label}
          </Title>
          <Text size="sm" c="dimmed">
            {section?.about}
          </Text>
        </Box>
        {actions}
      </Group>
      {children}
    </Stack>
  );
}

type CardProps = {
  title: string;
  about?: ReactNode;
  actions?: ReactNode;
  danger?: boolean;
  children: ReactNode;
};

/** One subject within a section. */
export function Card({ title, about, actions, danger = false, children }: CardProps) {
  return (
    <Paper
      withBorder
      p={{ base: 'md', sm: 'lg' }}
      component="section"
      aria-label={title}
      {...(danger ? { style: { borderColor: 'var(--mantine-color-red-outline)' } } : {})}
    >
      <Stack gap="md">
        <Group justify="space-between" align="flex-start" gap="sm">
          <Box miw={0} flex="1 1 240px">
            <Title order={3} fz="md">
              {title}
            </Title>
            {about !== undefined && (
              <Text size="sm" c="dimmed" mt={2} component="div">
                {about}
              </Text>
            )}
          </Box>
          {actions}
        </Group>
        {children}
      </Stack>
    </Paper>
  );
}

/** Cards that will be there in a moment, about as high as they will be. */
export function LoadingCards() {
  return (
    <Stack gap="lg" role="status" aria-label="Loading">
      <LoadingCard />
      <LoadingCard />
    </Stack>
  );
}

function LoadingCard() {
  return (
    <Paper withBorder p={{ base: 'md', sm: 'lg' }}>
      <Skeleton h={16} w={150} mb={10} />
      <Skeleton h={12} w="min(380px, 80%)" mb={28} />
      {['first', 'second'].map((field) => (
        <Box key={field} mb={22}>
          <Skeleton h={12} w={110} mb={8} />
          <Skeleton h={36} maw={460} />
        </Box>
      ))}
      <Skeleton h={36} w={74} />
    </Paper>
  );
}

export function LoadingSection() {
  return (
    <Stack gap="lg">
      <Box>
        <Skeleton h={22} w={160} mb={8} mt={4} />
        <Skeleton h={14} w="min(320px, 100%)" />
      </Box>
      <LoadingCards />
    </Stack>
  );
}
