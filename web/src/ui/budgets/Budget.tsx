import { Badge, Button, Group, Paper, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { sumUsd } from '@/ui/decimals';
import { lazily } from '@/ui/lazily';
import { Money } from '@/ui/Money';
import { done, failed } from '@/ui/notices';
import { When } from '@/ui/When';
import { type Limit, useEndRaise } from './api';
import { Bar } from './Bar';
import { everyWords } from './windows';

const RaiseModal = lazily(() => import('./RaiseModal'), 'RaiseModal');

/** One budget and its account in the period that runs now. */
export function Budget({ limit, mayChange }: { limit: Limit; mayChange: boolean }) {
  const [opened, { open, close }] = useDisclosure();
  return (
    <Paper withBorder p="sm">
      <Stack gap={8}>
        <Group justify="space-between" gap="xs">
          <Group gap={8}>
            <Text size="sm" fw={600}>
              <Money usd={limit.limit_usd} none="Not limited" /> {everyWords(limit.reset)}
            </Text>
            <Badge variant="light" color="gray" tt="none" maw={220}>
              {limit.models ?? 'All models'}
            </Badge>
            {limit.main && (
              <Badge variant="light" tt="none">
                The key’s own
              </Badge>
            )}
          </Group>
          {mayChange && limit.limit_usd !== null && limit.raise === null && (
            <Button size="compact-xs" variant="subtle" ml="auto" mr={-6} onClick={open}>
              Raise for a while
            </Button>
          )}
        </Group>
        <Bar
          spent={limit.spent_usd}
          held={sumUsd([limit.held_usd, limit.in_doubt_usd])}
          of={limit.effective_limit_usd}
          label="Spent of the budget"
        />
        <Standing limit={limit} />
        {limit.raise !== null && <Raised limit={limit} mayChange={mayChange} />}
      </Stack>
      {opened && <RaiseModal limit={limit} close={close} />}
    </Paper>
  );
}

function Standing({ limit }: { limit: Limit }) {
  return (
    <Group gap="2px 16px" fz="xs" c="dimmed">
      <Text inherit span>
        <Money usd={limit.spent_usd} /> spent
      </Text>
      {limit.remaining_usd !== null && (
        <Text inherit span>
          <Money usd={limit.remaining_usd} /> left
        </Text>
      )}
      {Number(limit.held_usd) > 0 && (
        <Text inherit span>
          <Money usd={limit.held_usd} /> held
        </Text>
      )}
      {Number(limit.in_doubt_usd) > 0 && (
        <Text inherit span>
          <Money usd={limit.in_doubt_usd} /> in doubt
        </Text>
      )}
      {limit.outstanding_usd !== null && (
        <Text inherit span c="red">
          <Money usd={limit.outstanding_usd} /> over the limit
        </Text>
      )}
      {limit.resets_at !== null && (
        <Text inherit span>
          begins anew <When at={limit.resets_at} />
        </Text>
      )}
    </Group>
  );
}

function Raised({ limit, mayChange }: { limit: Limit; mayChange: boolean }) {
  const end = useEndRaise();
  if (limit.raise === null) return null;
  return (
    <Group justify="space-between" gap="xs">
      <Text size="xs">
        Raised by <Money usd={limit.raise.extra_usd} /> until <When at={limit.raise.until} style="minute" />
      </Text>
      {mayChange && (
        <Button
          size="compact-xs"
          variant="subtle"
          color="red"
          loading={end.isPending}
          onClick={() =>
            end.mutate(limit.id, {
              onSuccess: () => done('The raise was taken back'),
              onError: (error) => failed(error, 'The raise was not taken back'),
            })
          }
        >
          Take back
        </Button>
      )}
    </Group>
  );
}
