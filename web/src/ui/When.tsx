import { hint } from './hinting';
import text from './text.module.css';
import { day, minute, relative, second, utc } from './times';
import { useNow } from './useNow';

type Style = 'relative' | 'day' | 'minute' | 'second';

/** A moment in local time; UTC on hover. `none` stands where there is none. */
export function When({
  at,
  style = 'relative',
  none = '–',
}: {
  at: string | null;
  style?: Style;
  none?: string;
}) {
  const now = useNow();
  if (at === null) return <span className={text.faint}>{none}</span>;
  const moment = new Date(at);
  // The page's clock is up to half a minute old: what was a second ago is not yet to come.
  const seen = moment > now && moment.getTime() <= Date.now() ? moment : now;
  const shown = {
    relative: () => relative(moment, seen),
    day: () => day(moment, now),
    minute: () => minute(moment),
    second: () => second(moment),
  };
  return (
    <time dateTime={at} className="number" {...hint(utc(moment))}>
      {shown[style]()}
    </time>
  );
}
