import { Anchor, Button } from '@mantine/core';
import { useRouter } from '@tanstack/react-router';
import type { MouseEvent, ReactNode } from 'react';

/** A link that stays in the page when it is clicked, and can be opened beside it. */
function useGo(href: string) {
  const router = useRouter();
  function onClick(event: MouseEvent) {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    router.history.push(href);
  }
  return { component: 'a', href, onClick } as const;
}

/** To a page in the state that the next step wants. */
export function Go({ href, children }: { href: string; children: ReactNode }) {
  return (
    <Button {...useGo(href)} mt="md" size="sm">
      {children}
    </Button>
  );
}

export function Look({ href, children }: { href: string; children: ReactNode }) {
  return (
    <Anchor {...useGo(href)} size="sm" mt={6} display="inline-block">
      {children}
    </Anchor>
  );
}
