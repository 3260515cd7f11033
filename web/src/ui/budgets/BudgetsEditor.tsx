/** The budgets of one place: what they are, how full, and what one may do about it. */

import { Button, Group, Skeleton, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconAdjustments } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { lazily } from '@/ui/lazily';
import { Failed } from '@/ui/states';
import { limitsQuery, type Place } from './api';
import { Budget } from './Budget';

const BudgetsModal = lazily(() => import('./BudgetsModal'), 'BudgetsModal');

type Props = {
  place: Place;
  /** In words, for the head of the form: "Research". */
  name: string;
  mayChange: boolean;
  /** What it means that there is none. */
  none?: string;
};

export function BudgetsEditor({
  place,
  name,
  mayChange,
  none = 'No budget of its own: nothing is refused here.',
}: Props) {
  const { data, error, refetch } = useQuery(limitsQuery(place));
  const [opened, { open, close }] = useDisclosure();
  if (error !== null && data === undefined)
    return <Failed error={error} what="The budgets could not be loaded" again={() => void refetch()} />;
  if (data === undefined) return <Skeleton h={64} role="status" aria-label="Loading budgets" />;
  return (
    <Stack gap="sm">
      {data.length === 0 && (
        <Text size="sm" c="dimmed">
          {none}
        </Text>
      )}
      {data.map((limit) => (
        <Budget key={limit.id} limit={limit} mayChange={mayChange} />
      ))}
      {mayChange && (
        <Group>
          <Button
            size="xs"
            variant="default"
            leftSection={<IconAdjustments size={14} aria-hidden />}
            onClick={open}
          >
            {data.length === 0 ? 'Set a budget' : 'Edit budgets'}
          </Button>
        </Group>
      )}
      {opened && <BudgetsModal place={place} name={name} limits={data} close={close} />}
    </Stack>
  );
}
