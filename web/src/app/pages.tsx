/** What stands in a page's place while it comes, when it fails, and when there is none. */

import { Button, Container, Skeleton, Stack } from '@mantine/core';
import { IconMapOff, IconRefresh } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ErrorComponentProps, Link, useRouter } from '@tanstack/react-router';
import { useEffect } from 'react';
import { meQuery } from '@/api/me';
import { Problem, told } from '@/api/problem';
import { FrontCard } from '@/ui/FrontCard';
import { LoadingPanel } from '@/ui/LoadingPanel';
import { PageHeader } from '@/ui/PageHeader';
import { Empty, Failed } from '@/ui/states';

export function PagePending() {
  return (
    <Stack gap="lg" role="status" aria-label="Loading">
      <div>
        <Skeleton h={24} w={180} my={4} />
        <Skeleton h={12} w={260} mt={10} />
      </div>
      <LoadingPanel height={108} />
      <LoadingPanel height={388} />
    </Stack>
  );
}

export function PageFailed({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  const client = useQueryClient();
  const signedOut = error instanceof Problem && error.status === 401;
  async function again() {
    await client.resetQueries();
    reset();
    await router.invalidate();
  }
  return (
    <Container size="sm" py="xl">
      <Failed error={error} what="This page could not be shown" again={() => void again()} />
      {signedOut && (
        <Button mt="md" component="a" href="/sign-in">
          Sign in
        </Button>
      )}
    </Container>
  );
}

const EVERY_MS = 5_000;

/** Not even who is signed in is known. Asks again by itself, and shows the page when there is an answer. */
export function ShellFailed({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  const client = useQueryClient();
  const unreachable = error instanceof Problem && error.status === 0;
  const passes = error instanceof Problem && error.passes;
  const look = useMutation({
    mutationFn: () => client.fetchQuery({ ...meQuery, staleTime: 0, retry: false }),
    onSuccess: () => {
      reset();
      return router.invalidate();
    },
  });
  const ask = look.mutate;
  useEffect(() => {
    if (!passes) return;
    const timer = window.setInterval(() => ask(), EVERY_MS);
    return () => window.clearInterval(timer);
  }, [passes, ask]);
  return (
    <FrontCard
      title={unreachable ? 'Tollhouse cannot be reached' : 'Tollhouse cannot be shown'}
      lead={told(error)}
    >
      <Button
        variant="default"
        leftSection={<IconRefresh size={16} aria-hidden />}
        onClick={() => (passes ? ask() : window.location.reload())}
      >
        {passes ? 'Try again now' : 'Reload the page'}
      </Button>
    </FrontCard>
  );
}

export function PageMissing() {
  return (
    <>
      <PageHeader title="Not found" />
      <Empty
        icon={<IconMapOff aria-hidden />}
        title="There is nothing at this address"
        action={
          <Button component={Link} to="/" variant="default">
            Go to the overview
          </Button>
        }
      >
        It may have been deleted, or the link has a mistake in it.
      </Empty>
    </>
  );
}
