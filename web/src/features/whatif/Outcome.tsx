import { Alert, Box, Button, Group, List, Paper, Stack, Text } from '@mantine/core';
import { OverTime } from '@/ui/charts/OverTime';
import { Money } from '@/ui/Money';
import { count, percent } from '@/ui/numbers';
import { When } from '@/ui/When';
import { type Answer, type Proposal, seriesOf } from './proposal';

const CHART_PX = 180;

type Props = { of: Answer; tried: Proposal; apply: (() => void) | undefined };

/** What would have happened. */
export function Outcome({ of: answer, tried, apply }: Props) {
  const { calls, would_be_refused: refused } = answer;
  return (
    <Paper withBorder p="md" component="section" aria-label="Outcome" aria-live="polite">
      <Stack gap="md">
        <Box>
          <Text fz={22} fw={600} lh={1.3}>
            {headline(calls, refused)}
          </Text>
          {refused > 0 && <Reasons of={answer} tried={tried} />}
        </Box>
        {calls > 0 && <OverTime label="Calls by day" series={seriesOf(answer)} height={CHART_PX} grouped />}
        {answer.cut && (
          <Alert color="yellow" title="Not all calls were looked at">
            There were more than 200,000. Those after <When at={answer.considered_until} style="second" /> are
            left out; choose a shorter time.
          </Alert>
        )}
        <Group justify="space-between" gap="sm" align="flex-end">
          <Text size="xs" c="dimmed" flex="1 1 220px">
            Every budget begins empty at the start of this time. What calls held at the same moment does not
            count.
          </Text>
          {apply !== undefined && (
            <Button variant="light" onClick={apply} ml="auto">
              Apply this budget
            </Button>
          )}
        </Group>
      </Stack>
    </Paper>
  );
}

function headline(calls: number, refused: number): string {
  if (calls === 0) return 'There were no calls in this time';
  if (refused === 0)
    return calls === 1 ? 'The one call would have passed' : `All ${count(calls)} calls would have passed`;
  return `${count(refused)} of ${count(calls)} calls would have been refused (${percent(refused / calls)})`;
}

function Reasons({ of: answer, tried }: { of: Answer; tried: Proposal }) {
  const { first_refusal: first, refused_by: by } = answer;
  return (
    <List size="sm" mt={6} spacing={2}>
      {first !== null && (
        <List.Item>
          The first one <When at={first.at} style="minute" />,{' '}
          {first.reason === 'model_not_allowed' ? 'for its model' : 'for want of budget'}
        </List.Item>
      )}
      {by.over_budget > 0 && <List.Item>{count(by.over_budget)} over budget</List.Item>}
      {answer.budgets.length > 1 &&
        answer.budgets.map((budget, at) => (
          <List.Item key={tried.budgets[at]?.key ?? budget.budget_usd}>
            {count(budget.refused)} by <Money usd={budget.budget_usd} /> {budget.reset ?? 'in all'}
          </List.Item>
        ))}
      {by.model_not_allowed > 0 && (
        <List.Item>{count(by.model_not_allowed)} for a model that is not allowed</List.Item>
      )}
      <List.Item>
        They cost <Money usd={answer.refused_cost_usd} />
      </List.Item>
    </List>
  );
}
