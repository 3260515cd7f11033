import { hint } from './hinting';
import { count, short } from './numbers';
import text from './text.module.css';

/** A number of tokens, calls or spans; every digit of it on hover. */
export function Tokens({ of: value }: { of: number | null }) {
  if (value === null) return <span className={text.faint}>–</span>;
  const shown = short(value);
  const exact = count(value);
  return (
    <span className="number" {...hint(shown === exact ? undefined : exact)}>
      {shown}
    </span>
  );
}
