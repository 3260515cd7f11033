import { Anchor, Center, Skeleton, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { count, percent } from '@/ui/numbers';
import { Panel } from '@/ui/Panel';
import { ShareRow } from '@/ui/ShareRow';
import { Failed } from '@/ui/states';
import type { RangeSearch } from '@/ui/timeRange';
import { type Asked, failuresQuery } from './queries';

const SHOWN = 8;
const UNSAID = '_OTHER';

function nameOf(type: string): string {
  if (type === UNSAID) return 'Unspecified';
  return /^[45]\d\d$/.test(type) ? `HTTP ${type}` : type;
}

/** Failed calls by what went wrong. */
export function FailuresPanel({ asked, range }: { asked: Asked; range: RangeSearch }) {
  const query = useQuery(failuresQuery(asked));
  const failures = query.data?.failures;
  const all = failures?.reduce((sum, failure) => sum + failure.errors, 0) ?? 0;
  const rest = failures?.slice(SHOWN).reduce((sum, failure) => sum + failure.errors, 0) ?? 0;
  return (
    <Panel
      title="Errors by type"
      actions={
        <Anchor
          size="sm"
          renderRoot={(props) => (
            <Link to="/traces" search={{ ...asked.filters, ...range, status: 'error' }} {...props} />
          )}
        >
          Failed calls
        </Anchor>
      }
    >
      {query.isError && failures === undefined && (
        <Failed error={query.error} again={() => void query.refetch()} />
      )}
      {query.isPending && (
        <Stack gap={4}>
          {[1, 2, 3, 4].map((row) => (
            <Skeleton key={row} h={32} />
          ))}
        </Stack>
      )}
      {failures?.length === 0 && (
        <Center mih={140}>
          <Text size="sm" c="dimmed">
            No call failed in this time
          </Text>
        </Center>
      )}
      {failures?.slice(0, SHOWN).map(({ error_type, errors }) => (
        <ShareRow
          key={error_type}
          name={nameOf(error_type)}
          share={errors / all}
          aside={percent(errors / all)}
          value={count(errors)}
        />
      ))}
      {rest > 0 && (
        <ShareRow name="Other types" share={rest / all} aside={percent(rest / all)} value={count(rest)} />
      )}
    </Panel>
  );
}
