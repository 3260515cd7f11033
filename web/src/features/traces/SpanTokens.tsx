import { count } from '@/ui/numbers';
import classes from './Span.module.css';
import { tokensOf } from './spanFacts';
import type { Span } from './tree';

/** Tokens by class: what each is a part of stands indented below it. */
export function SpanTokens({ span }: { span: Span }) {
  const lines = tokensOf(span);
  if (lines.length === 0) return null;
  return (
    <table className={classes.tokens}>
      <caption>Tokens</caption>
      <tbody>
        {lines.map(({ name, value, part }) => (
          <tr key={name} data-part={part}>
            <th scope="row">{name}</th>
            <td className="number">{count(value)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
