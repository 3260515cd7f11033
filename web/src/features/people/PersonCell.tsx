import { Avatar, Box, Group, Text } from '@mantine/core';

/** A name and its address, one above the other; the address alone of somebody whose name nobody knows yet. */
export function PersonCell({ name, email }: { name: string; email: string }) {
  return (
    <Group gap="sm" wrap="nowrap" miw={0}>
      <Avatar size={30} radius="xl" name={name || email} color="pine" aria-hidden />
      <Box miw={0}>
        <Text size="sm" fw={500} truncate lh={1.35}>
          {name || email}
        </Text>
        {name !== '' && (
          <Text size="xs" c="dimmed" truncate lh={1.35}>
            {email}
          </Text>
        )}
      </Box>
    </Group>
  );
}
