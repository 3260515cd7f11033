import type { ReactNode } from 'react';
import { hint } from './hinting';
import classes from './Pill.module.css';

export type DotColour = 'pine' | 'gray' | 'red' | 'yellow';
export type PillColour = DotColour | 'plain';

type Props = { colour: PillColour; size?: 'small' | 'tight'; hint?: string; children: ReactNode };

/** A word on a quiet ground of its colour. Lists have one in every row, which Mantine's Badge is too dear for. */
export function Pill({ colour, size, hint: words, children }: Props) {
  return (
    <span className={classes.pill} data-colour={colour} data-size={size} {...hint(words)}>
      {children}
    </span>
  );
}

/** A state in a word, with a dot of its colour: the word itself stays as readable as any other. */
export function StateDot({ colour, children }: { colour: DotColour; children: ReactNode }) {
  return (
    <span className={classes.pill} data-colour={colour} data-dot>
      {children}
    </span>
  );
}
