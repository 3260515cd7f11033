import { useRouter } from '@tanstack/react-router';
import type { MouseEvent, ReactNode } from 'react';
import text from './text.module.css';

/** What a row opens, as an address: for the mouse's other buttons and its menu. The row itself opens by a click and by
 *  keys, so a plain click is left to it. The router's own link would watch the whole address from each row. */
export function RowLink({ to, children }: { to: string; children: ReactNode }) {
  const router = useRouter();
  return (
    <a
      href={to}
      tabIndex={-1}
      className={`${text.strong} ${text.link}`}
      onClick={leaveToRow}
      onMouseEnter={() => void router.preloadRoute({ to })}
    >
      {children}
    </a>
  );
}

function leaveToRow(event: MouseEvent): void {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) event.stopPropagation();
  else event.preventDefault();
}
