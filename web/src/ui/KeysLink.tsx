import { Anchor } from '@mantine/core';
import { useRouter } from '@tanstack/react-router';
import type { MouseEvent, ReactNode } from 'react';

type Props = { user?: string; team?: string; children: ReactNode };

/** The way to somebody's keys. What the Keys page's address may hold is that page's to check. */
export function KeysLink({ user, team, children }: Props) {
  const { history } = useRouter();
  const wanted = new URLSearchParams({
    ...(user === undefined ? {} : { user }),
    ...(team === undefined ? {} : { team }),
  });
  const href = `/keys?${wanted.toString()}`;
  function go(event: MouseEvent) {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    history.push(href);
  }
  return (
    <Anchor href={href} onClick={go} size="sm">
      {children}
    </Anchor>
  );
}
