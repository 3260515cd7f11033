/** What stands in a page's place while it comes, when it fails, and when there is none. */

import { Anchor, Button, Container, Skeleton, Stack } from '@mantine/core';
import { IconMapOff } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { type ErrorComponentProps, Link, useRouter } from '@tanstack/react-router';
import { Problem } from '@/api/problem';
import { Empty, Failed } from '@/ui/states';

export function PagePending() {
  return (
    <Stack gap="lg" role="status" aria-label="Loading">
      <Skeleton h={30} w={220} />
      <Skeleton h={120} />
      <Skeleton h={320} />
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

export function PageMissing() {
  return (
    <Empty
      icon={<IconMapOff aria-hidden />}
      title="There is nothing at this address"
      action={
        <Anchor component={Link} to="/">
          Go to the overview
        </Anchor>
      }
    >
      It may have been deleted, or the link has a mistake in it.
    </Empty>
  );
}
