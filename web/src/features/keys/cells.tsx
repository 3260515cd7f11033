import { Anchor, Badge, Box, Group, Progress, Text, Tooltip } from '@mantine/core';
import { IconUser, IconUsersGroup } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { fullnessColour } from '@/ui/budgets/fullness';
import { shareOf } from '@/ui/decimals';
import { Money } from '@/ui/Money';
import type { Key } from './form';
import {
  HASH_SHOWN,
  HASH_SHOWN_FEW,
  modelsWords,
  ownerOf,
  perWords,
  STATE_MEANS,
  STATE_WORDS,
} from './words';

const COLOURS: Record<Key['state'], string> = {
  active: 'pine',
  disabled: 'gray',
  expired: 'gray',
  exhausted: 'red',
};

export function StateBadge({ state }: { state: Key['state'] }) {
  return (
    <Tooltip label={STATE_MEANS[state]} multiline maw={280}>
      <Badge
        variant="light"
        color={COLOURS[state]}
        tt="none"
        fw={500}
        display="inline-grid"
        style={{ verticalAlign: 'middle' }}
      >
        {STATE_WORDS[state]}
      </Badge>
    </Tooltip>
  );
}

/** `whole`: there is a column for the state; without one it stands here, if it is a trouble. */
export function NameCell({ of: key, whole = true }: { of: Key; whole?: boolean }) {
  return (
    <Box miw={0}>
      {/* The row opens by keys; the link is for the mouse's middle button. */}
      <Anchor
        component={Link}
        to={`/keys/${key.hash}`}
        tabIndex={-1}
        c="inherit"
        fw={500}
        fz="sm"
        display="block"
        truncate
        onClick={(event) => event.stopPropagation()}
      >
        {key.name}
      </Anchor>
      {whole || key.state === 'active' ? (
        <Text size="xs" c="dimmed" ff="monospace" truncate title={`${key.display}, hash ${key.hash}`}>
          {key.hash.slice(0, whole ? HASH_SHOWN : HASH_SHOWN_FEW)}
        </Text>
      ) : (
        <Text size="xs" fw={600} truncate>
          {STATE_WORDS[key.state]}
        </Text>
      )}
    </Box>
  );
}

export function OwnerCell({ of: key }: { of: Key }) {
  const { name, kind } = ownerOf(key);
  return (
    <Group gap={6} wrap="nowrap" miw={0} title={key.owner?.email ?? name}>
      {kind === 'team' && <IconUsersGroup size={15} aria-label="Team" style={{ flex: 'none' }} />}
      {kind === 'person' && <IconUser size={15} aria-label="Person" style={{ flex: 'none' }} />}
      <Text size="sm" truncate c={kind === 'nobody' ? 'dimmed' : ''}>
        {name}
      </Text>
    </Group>
  );
}

export function BudgetBar({ spent, budget, label }: { spent: string; budget: string; label: string }) {
  const share = shareOf(spent, budget);
  return (
    <Progress.Root size={6}>
      <Progress.Section value={Math.min(share, 1) * 100} color={fullnessColour(share)} aria-label={label} />
    </Progress.Root>
  );
}

/** What was spent in the period that runs, and how much of the budget that is. `whole`: there is room for the period. */
export function SpendCell({ of: key, whole = true }: { of: Key; whole?: boolean }) {
  return (
    <Box>
      <Group gap={4} wrap="nowrap" justify="space-between">
        <Text size="sm" className="number">
          <Money usd={key.spend_usd} />
        </Text>
        <Text size="xs" c="dimmed" truncate>
          {key.budget_usd === null ? (
            'no budget'
          ) : (
            <>
              of <Money usd={key.budget_usd} />
              {whole && perWords(key.budget_reset)}
            </>
          )}
        </Text>
      </Group>
      <Box mt={5}>
        {key.budget_usd === null ? (
          <Box h={6} />
        ) : (
          <BudgetBar
            spent={key.spend_usd}
            budget={key.budget_usd}
            label={`Spent of the budget of ${key.name}`}
          />
        )}
      </Box>
    </Box>
  );
}

export function ModelsCell({ models }: { models: readonly string[] }) {
  const text = (
    <Text size="sm" truncate c={models.length === 0 ? 'dimmed' : ''}>
      {modelsWords(models)}
    </Text>
  );
  if (models.length < 2) return text;
  return (
    <Tooltip label={models.slice(0, 20).join(', ')} multiline maw={360}>
      {text}
    </Tooltip>
  );
}
