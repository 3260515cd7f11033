import { Badge, Group, Progress, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { fullnessColour } from '@/ui/budgets/fullness';
import { percent, usd } from '@/ui/numbers';
import { When } from '@/ui/When';
import type { Risk } from './atRisk';
import classes from './Overview.module.css';

const KINDS = { key: 'Key', user: 'User', team: 'Team', customer: 'Organisation' } as const;
const RESETS = { daily: 'day', weekly: 'week', monthly: 'month' } as const;

/** A budget, how far it is spent, and when it ends or begins anew; leads to whose it is. */
export function RiskRow({ risk: { limit, share, runsOutAt } }: { risk: Risk }) {
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
          {percent(share)}
        </Text>
      </Group>
      <Progress
        value={Math.min(100, share * 100)}
        color={fullnessColour(share)}
        size={6}
        my={6}
        aria-label="Part that is used"
      />
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
