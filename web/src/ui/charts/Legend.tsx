import { UnstyledButton } from '@mantine/core';
import classes from './charts.module.css';
import type { DrawnLine } from './series';

type Props = {
  lines: readonly DrawnLine[];
  hidden: ReadonlySet<string>;
  toggle: (id: string) => void;
  /** Beside a table nothing can be hidden. */
  still: boolean;
};

/** What the colours mean; a click hides a line and shows it again. */
export function Legend({ lines, hidden, toggle, still }: Props) {
  return (
    <div className={classes.legend} role="group" aria-label="Legend">
      {lines.map((line) => (
        <UnstyledButton
          key={line.key}
          className={classes.entry}
          aria-pressed={!hidden.has(line.id)}
          disabled={still}
          onClick={() => toggle(line.id)}
        >
          <Swatch colour={line.colour} />
          <span className={classes.name}>{line.name}</span>
        </UnstyledButton>
      ))}
    </div>
  );
}

export function Swatch({ colour }: { colour: string }) {
  return <span className={classes.swatch} style={{ backgroundColor: colour }} aria-hidden />;
}
