import { Button, Group, Kbd, Text } from '@mantine/core';
import { Spotlight, type SpotlightActionData, spotlight } from '@mantine/spotlight';
import { IconSearch } from '@tabler/icons-react';
import { useNavigate } from '@tanstack/react-router';
import '@mantine/spotlight/styles.css';
import { PLACES } from './places';
import { useSignOut } from './useSignOut';

/** Every page and the frequent deeds, by typing. */
export function Palette() {
  const navigate = useNavigate();
  const signOut = useSignOut();
  const actions: SpotlightActionData[] = [
    ...PLACES.map(({ to, label, icon: Icon, words }) => ({
      id: to,
      label,
      keywords: words,
      leftSection: <Icon size={18} aria-hidden />,
      onClick: () => void navigate({ to }),
    })),
    { id: 'sign-out', label: 'Sign out', onClick: signOut },
  ];
  return (
    <Spotlight
      actions={actions}
      shortcut={['mod + K', '/']}
      highlightQuery
      nothingFound="Nothing is called that"
      searchProps={{
        placeholder: 'Go to a page…',
        leftSection: <IconSearch size={18} aria-hidden />,
        'aria-label': 'Search pages',
      }}
    />
  );
}

export function PaletteButton() {
  return (
    <>
      <Button
        variant="default"
        fullWidth
        justify="space-between"
        fw={400}
        size="xs"
        onClick={spotlight.open}
        leftSection={<IconSearch size={14} aria-hidden />}
        rightSection={
          <Group gap={2}>
            <Kbd size="xs">Ctrl K</Kbd>
          </Group>
        }
      >
        <Text inherit c="dimmed">
          Search
        </Text>
      </Button>
      <Palette />
    </>
  );
}
