import { shareOf } from '@/ui/decimals';
import { percent } from '@/ui/numbers';
import classes from './Bar.module.css';
import { fullnessColour } from './fullness';

type Props = {
  spent: string;
  /** What calls on their way may still take. */
  held?: string;
  /** Dollars; null: not limited, so nothing fills it. */
  of: string | null;
  label: string;
};

/** How full a budget is, the same wherever one is shown. Plain elements: long lists have a bar in each row. */
export function Bar({ spent, held = '0', of, label }: Props) {
  const parts = { spent: share(spent, of), held: share(held, of) };
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.min(parts.spent, 1) * 100}
      aria-valuetext={percent(parts.spent)}
      className={classes.bar}
    >
      <div
        className={classes.spent}
        data-colour={fullnessColour(parts.spent + parts.held)}
        style={{ width: `${parts.spent * 100}%` }}
      />
      {parts.held > 0 && <div className={classes.held} style={{ width: `${parts.held * 100}%` }} />}
    </div>
  );
}

function share(part: string, of: string | null): number {
  return of === null ? 0 : shareOf(part, of);
}
