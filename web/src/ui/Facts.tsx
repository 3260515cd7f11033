import type { ReactNode } from 'react';
import classes from './Facts.module.css';

/** Names and what they are, row by row. `tight`: in a drawer. */
export function Facts({ children, tight = false }: { children: ReactNode; tight?: boolean }) {
  return (
    <dl className={classes.list} data-tight={tight || undefined}>
      {children}
    </dl>
  );
}

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className={classes.row}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
