import type { ChangeEventHandler } from 'react';
import classes from './Tick.module.css';

type Props = {
  label: string;
  checked: boolean;
  /** Some of those that it stands for are chosen, not all. */
  partly?: boolean;
  change: ChangeEventHandler<HTMLInputElement>;
};

/** The box that chooses a row, or all of them. A click on it is none on the row. */
export function Tick({ label, checked, partly = false, change }: Props) {
  return (
    <input
      type="checkbox"
      className={classes.tick}
      aria-label={label}
      checked={checked}
      ref={(box) => {
        if (box !== null) box.indeterminate = partly;
      }}
      onChange={change}
      onClick={(event) => event.stopPropagation()}
    />
  );
}
