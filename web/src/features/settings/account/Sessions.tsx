import { Badge, Button, Group, Stack, Text } from '@mantine/core';
import { queryOptions, useQuery } from '@tanstack/react-query';
import { api, type Schemas, take } from '@/api/client';
import { done, failed } from '@/ui/notices';
import { Failed, LoadingRows } from '@/ui/states';
import { When } from '@/ui/When';
import { useChange } from '../customer';
import { Card } from '../Section';

type Session = Schemas['OpenSession'];

const sessionsQuery = queryOptions({
  queryKey: ['settings', 'sessions'],
  queryFn: async ({ signal }) => (await take(api.GET('/v1/sessions', { signal }))).sessions,
});

export function Sessions() {
  const found = useQuery(sessionsQuery);
  return (
    <Card title="Open sessions" about="Browsers in which you are signed in. End those that you do not know.">
      {found.isError && <Failed error={found.error} again={() => void found.refetch()} />}
      {found.isPending && <LoadingRows rows={2} />}
      <Stack gap="sm">
        {found.data?.map((session) => (
          <Line key={session.id} session={session} />
        ))}
      </Stack>
    </Card>
  );
}

function Line({ session }: { session: Session }) {
  const end = useChange('sessions', () =>
    take(api.DELETE('/v1/sessions/{session_id}', { params: { path: { session_id: session.id } } })),
  );
  return (
    <Group justify="space-between" gap="sm">
      <div>
        <Group gap="xs">
          <Text size="sm" fw={500}>
            {session.address ?? 'An unknown address'}
          </Text>
          {session.current && (
            <Badge variant="light" tt="none">
              This browser
            </Badge>
          )}
        </Group>
        <Text size="xs" c="dimmed">
          Signed in <When at={session.created_at} />, ends <When at={session.expires_at} />
        </Text>
      </div>
      {!session.current && (
        <Button
          size="compact-xs"
          variant="subtle"
          color="red"
          loading={end.isPending}
          onClick={() =>
            end.mutate(undefined, {
              onSuccess: () => done('The session ended'),
              onError: (error) => failed(error, 'The session goes on'),
            })
          }
        >
          End
        </Button>
      )}
    </Group>
  );
}
