import { hint } from './hinting';
import { exactUsd, usd } from './numbers';
import text from './text.module.css';

/** Dollars, given as the API gives them; every digit of them on hover. */
export function Money({ usd: amount, none = '–' }: { usd: string | null; none?: string }) {
  if (amount === null) return <span className={text.faint}>{none}</span>;
  const shown = usd(amount);
  const exact = exactUsd(amount);
  return (
    <span className="number" {...hint(shown === exact ? undefined : exact)}>
      {shown}
    </span>
  );
}
