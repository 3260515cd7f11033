import { Box, SimpleGrid, Text } from '@mantine/core';
import { Bar } from '@/ui/budgets/Bar';
import { everyWords } from '@/ui/budgets/windows';
import { shareOf } from '@/ui/decimals';
import { Money } from '@/ui/Money';
import { count, percent } from '@/ui/numbers';
import { Stat } from '@/ui/Stat';
import { When } from '@/ui/When';
import type { Details } from './queries';
import { sinceWords } from './words';

/** The four numbers that people come for. */
export function Cards({ of: details }: { of: Details | undefined }) {
  const loading = details === undefined;
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, lg: 4 }} spacing="md" mb="md">
      <Stat label="Total usage" loading={loading} note={details && <UsageNote of={details} />}>
        <Money usd={details?.balance.spent_usd ?? null} />
      </Stat>
      <Stat label="Remaining" loading={loading} note={details && <RemainingNote of={details} />}>
        <Money usd={details?.balance.remaining_usd ?? null} none="Unlimited" />
      </Stat>
      <Stat label="Budget reset" loading={loading} note={details && <ResetNote of={details} />}>
        <When
          at={details?.balance.resets_at ?? null}
          none={details?.key.budget_usd == null ? 'No budget' : 'Never'}
        />
      </Stat>
      <Stat label="Runs out" loading={loading} note={details && <Basis of={details} />}>
        {details && <Exhaustion of={details} />}
      </Stat>
    </SimpleGrid>
  );
}

function UsageNote({ of: { key, balance } }: { of: Details }) {
  if (Number(balance.in_doubt_usd) > 0)
    return (
      <>
        and <Money usd={balance.in_doubt_usd} /> more in doubt
      </>
    );
  return sinceWords(key.budget_usd === null ? null : key.budget_reset);
}

function RemainingNote({ of: { key, balance } }: { of: Details }) {
  if (key.budget_usd === null || balance.limit_usd === null) return 'The key itself has no budget';
  const held = Number(balance.held_usd) > 0;
  return (
    <>
      <Box mb={4}>
        {percent(shareOf(balance.spent_usd, balance.limit_usd))} is spent of <Money usd={balance.limit_usd} />{' '}
        {everyWords(key.budget_reset)}
        {held && (
          <>
            , <Money usd={balance.held_usd} /> held by calls
          </>
        )}
      </Box>
      <Bar
        spent={balance.spent_usd}
        held={balance.held_usd}
        of={balance.limit_usd}
        label="Spent of the budget"
      />
    </>
  );
}

function ResetNote({ of: { key, balance } }: { of: Details }) {
  if (balance.resets_at === null)
    return key.budget_usd === null ? 'Nothing to begin anew' : 'The budget is for the key’s life';
  return <When at={balance.resets_at} style="minute" />;
}

function Exhaustion({ of: { key, balance, forecast } }: { of: Details }) {
  const words =
    key.state === 'exhausted'
      ? 'It has run out'
      : balance.limit_usd === null
        ? 'Never'
        : forecast.resets_before
          ? 'Not before it resets'
          : null;
  if (words === null) return <When at={forecast.exhausted_at} none="Not in sight" />;
  return (
    <Text fz={words.length > 12 ? 19 : 26} fw={600} lh="36px" truncate>
      {words}
    </Text>
  );
}

/** What the forecast is made from. */
function Basis({ of: { forecast } }: { of: Details }) {
  const { rate_usd_per_day: rate, calls, since, basis } = forecast;
  return (
    <Box title={basis}>
      {rate !== null && (
        <>
          at <Money usd={rate} /> a day,{' '}
        </>
      )}
      by {calls === 1 ? 'one call' : `${calls === 0 ? 'no' : count(calls)} calls`} since{' '}
      <When at={since} style="minute" />
    </Box>
  );
}
