import { ActionIcon, Badge, Box, Group, Text, Tooltip } from '@mantine/core';
import { IconTestPipe } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Bar } from '@/ui/budgets/Bar';
import { sumUsd } from '@/ui/decimals';
import { percent, usd } from '@/ui/numbers';
import { When } from '@/ui/When';
import type { Limit, Risk } from './atRisk';
import classes from './Overview.module.css';

const KINDS = { key: 'Key', user: 'User', team: 'Team', customer: 'Organisation' } as const;
const RESETS = { daily: 'day', weekly: 'week', monthly: 'month' } as const;

type Props = { risk: Risk; tryOut: ((limit: Limit) => void) | undefined };

/** A budget at risk, and beside it the way to see what another one would have done. */
export function RiskRow({ risk, tryOut }: Props) {
  const { limit } = risk;
  return (
    <Group wrap="nowrap" gap={4}>
      <Box flex={1} miw={0}>
        <Standing risk={risk} />
      </Box>
      {/* A budget of some models cannot be tried out alone. */}
      {tryOut !== undefined && limit.models === null && (
        <Tooltip label="What if it were another budget?">
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={`What if: ${limit.scope.name}`}
            onClick={() => tryOut(limit)}
          >
            <IconTestPipe size={16} aria-hidden />
          </ActionIcon>
        </Tooltip>
      )}
    </Group>
  );
}

/** How far it is spent, and when it ends or begins anew; leads to whose it is. */
function Standing({ risk: { limit, share, runsOutAt } }: { risk: Risk }) {
  const { scope, reset, models, resets_at } = limit;
  const spent = share >= 1;
  return (
    <Owner scope={scope}>
      <Group justify="space-between" wrap="nowrap" gap="sm">
        <Group gap="xs" wrap="nowrap" miw={0}>
          <Badge variant="light" color="gray" size="sm" style={{ flex: 'none' }}>
            {KINDS[scope.kind]}
          </Badge>
          <Text size="sm" fw={500} truncate>
            {scope.name}
          </Text>
          {models !== null && (
            <Text size="xs" c="dimmed" truncate>
              {models}
            </Text>
          )}
        </Group>
        <Text size="sm" className="number" style={{ flex: 'none' }}>
          {percent(share)} used
        </Text>
      </Group>
      <Box my={6}>
        <Bar
          spent={limit.spent_usd}
          held={sumUsd([limit.held_usd, limit.in_doubt_usd])}
          of={limit.effective_limit_usd}
          label={`Spent of the budget of ${scope.name}`}
        />
      </Box>
      <Group justify="space-between" gap="xs">
        <Text size="xs" c="dimmed" className="number">
          {usd(limit.spent_usd)} of {usd(limit.effective_limit_usd ?? '0')}
          {reset !== null && ` a ${RESETS[reset]}`}
        </Text>
        <Text size="xs" c="dimmed" component="div">
          {!spent && runsOutAt !== null ? (
            <Text span inherit c="var(--mantine-color-text)">
              runs out <When at={runsOutAt} />
            </Text>
          ) : resets_at !== null ? (
            <>
              resets <When at={resets_at} />
            </>
          ) : (
            'never resets'
          )}
        </Text>
      </Group>
    </Owner>
  );
}

function Owner({ scope, children }: { scope: Risk['limit']['scope']; children: ReactNode }) {
  if (scope.kind === 'key' && scope.key_hash !== null) {
    return (
      <Link to="/keys/$hash" params={{ hash: scope.key_hash }} className={classes.risk}>
        {children}
      </Link>
    );
  }
  if (scope.kind === 'customer') {
    return (
      <Link to="/settings/$section" params={{ section: 'organisation' }} className={classes.risk}>
        {children}
      </Link>
    );
  }
  const search =
    scope.kind === 'team'
      ? { tab: 'teams' as const, team: scope.id }
      : { tab: 'users' as const, user: scope.id };
  return (
    <Link to="/people" search={search} className={classes.risk}>
      {children}
    </Link>
  );
}
