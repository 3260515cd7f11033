import { Anchor, Center, Skeleton, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import { Panel } from '@/ui/Panel';
import { Failed } from '@/ui/states';
import { useNow } from '@/ui/useNow';
import { atRisk, type Limit } from './atRisk';
import { limitsQuery, MOST_LIMITS } from './queries';
import { RiskRow } from './RiskRow';

const SHOWN = 6;

/** Budgets that are nearly spent, or will be before they reset. They are of now, whatever time the page is about. */
export function AtRiskPanel({ tryOut }: { tryOut: ((limit: Limit) => void) | undefined }) {
  const query = useQuery(limitsQuery);
  const now = useNow();
  const risks = useMemo(() => query.data && atRisk(query.data, now), [query.data, now]);
  return (
    <Panel
      title="Budgets at risk"
      actions={
        <Anchor component={Link} to="/keys" size="sm">
          All keys
        </Anchor>
      }
    >
      {query.isError && risks === undefined && (
        <Failed error={query.error} again={() => void query.refetch()} />
      )}
      {query.isPending && (
        <Stack gap="xs">
          {[1, 2, 3].map((row) => (
            <Skeleton key={row} h={52} />
          ))}
        </Stack>
      )}
      {risks?.length === 0 && (
        <Center mih={140}>
          <Text size="sm" c="dimmed" ta="center">
            No budget is near its limit, and none will be spent before it resets.
          </Text>
        </Center>
      )}
      {risks?.slice(0, SHOWN).map((risk) => (
        <RiskRow key={risk.limit.id} risk={risk} tryOut={tryOut} />
      ))}
      {risks !== undefined && risks.length > SHOWN && (
        <Text size="xs" c="dimmed" mt="xs">
          and {risks.length - SHOWN} more
        </Text>
      )}
      {query.data !== undefined && query.data.length >= MOST_LIMITS && (
        <Text size="xs" c="dimmed" mt="xs">
          Of the first {MOST_LIMITS.toLocaleString('en-US')} budgets.
        </Text>
      )}
    </Panel>
  );
}
