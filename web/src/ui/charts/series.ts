/** Values over time as charts take them, and in words for those who do not see them. Pure. */

import { coloursOf, OTHER_COLOUR } from '@/ui/chartColours';
import { count, duration, exactUsd, percent, short, shortUsd, usd, usdOfNanos } from '@/ui/numbers';

export type Step = 'hour' | 'day' | 'week' | 'month';
export type Unit = 'calls' | 'ratio' | 'tokens' | 'nano_usd' | 'ms';

/** `id` is its own among the lines and decides the colour, unless `colour` is one that means something; `other`: what has
 *  no line of its own. Null is a gap. */
export type ChartLine = {
  id: string;
  name: string;
  points: readonly (number | null)[];
  other?: boolean;
  colour?: string;
};

/** `times`: when each step begins. Each line has a point for each of them. */
export type Series = { times: readonly string[]; step: Step; unit: Unit; lines: readonly ChartLine[] };

export type DrawnLine = ChartLine & { key: string; colour: string };

type Formats = {
  axis: (value: number) => string;
  shown: (value: number) => string;
  exact: (value: number) => string;
};

export const FORMATS: Record<Unit, Formats> = {
  calls: { axis: short, shown: count, exact: count },
  tokens: { axis: short, shown: count, exact: count },
  ratio: { axis: percent, shown: percent, exact: percent },
  ms: { axis: roundMs, shown: duration, exact: duration },
  nano_usd: {
    axis: (nanos) => shortUsd(nanos / 1e9),
    shown: (nanos) => usd(usdOfNanos(nanos)),
    exact: (nanos) => allDigits(exactUsd(usdOfNanos(nanos))),
  },
};

/** Ticks are round: `45 s`, `1 min`, without the noughts that a measured value has. */
function roundMs(ms: number): string {
  return ms === 0
    ? '0'
    : duration(ms)
        .replace(/ 0 s$/, '')
        .replace(/\.0+ s$/, ' s');
}

const DIGITS = 9;

/** Nine digits behind the point, so that a column of amounts lines up. */
function allDigits(amount: string): string {
  const [whole, part = ''] = amount.split('.');
  return `${whole}.${part.padEnd(DIGITS, '0')}`;
}

/** Shares and durations of parts are no parts of the whole. */
export function stacks(unit: Unit): boolean {
  return unit !== 'ratio' && unit !== 'ms';
}

/** Lines with their colours; a key for each, because names may hold what a path of keys means. */
export function drawn(lines: readonly ChartLine[]): DrawnLine[] {
  const colours = coloursOf(lines.map((line) => line.id));
  return lines.map((line, place) => ({
    ...line,
    key: `l${place}`,
    colour: line.colour ?? given(line, colours[place], lines.length === 1),
  }));
}

function given(line: ChartLine, own: string | undefined, alone: boolean): string {
  if (line.other) return OTHER_COLOUR;
  return alone ? 'var(--chart-1)' : (own ?? OTHER_COLOUR);
}

export type ChartRow = { at: string } & Record<string, number | string | null>;

export function rowsOf(times: readonly string[], lines: readonly DrawnLine[]): ChartRow[] {
  return times.map((at, step) => {
    const row: ChartRow = { at };
    for (const line of lines) row[line.key] = line.points[step] ?? null;
    return row;
  });
}

/** Without any value there is nothing to draw. */
export function isEmpty({ lines }: Series): boolean {
  return lines.every((line) => line.points.every((point) => point === null || point === 0));
}

/** A point between two gaps, which no line would show. */
export function standsAlone(points: readonly (number | null)[], at: number): boolean {
  return points[at] != null && points[at - 1] == null && points[at + 1] == null;
}

export function sum(points: readonly (number | null)[]): number {
  return points.reduce<number>((all, point) => all + (point ?? 0), 0);
}

/** The whole chart in a few sentences. `label`: what is shown, "Spend by model". */
export function summary(label: string, series: Series, when: (at: string) => string): string {
  if (isEmpty(series)) return `${label}: nothing in this time.`;
  const { shown } = FORMATS[series.unit];
  return stacks(series.unit) ? ofSums(label, series, shown, when) : ofRanges(label, series, shown);
}

function ofSums(
  label: string,
  series: Series,
  shown: Formats['shown'],
  when: (at: string) => string,
): string {
  const steps = series.times.map((_, step) => sum(series.lines.map((line) => line.points[step] ?? null)));
  const highest = steps.indexOf(Math.max(...steps));
  const parts = series.lines.map((line) => `${line.name} ${shown(sum(line.points))}`);
  const each = series.lines.length > 1 ? ` ${parts.join(', ')}.` : '';
  const top = `Highest ${when(series.times[highest] ?? '')}: ${shown(steps[highest] ?? 0)}.`;
  return `${label}: ${shown(sum(steps))} in all.${each} ${top}`;
}

function ofRanges(label: string, series: Series, shown: Formats['shown']): string {
  const parts = series.lines.map((line) => {
    const known = line.points.filter((point) => point !== null);
    if (known.length === 0) return `${line.name}: none`;
    return `${line.name}: from ${shown(Math.min(...known))} to ${shown(Math.max(...known))}`;
  });
  return `${label}. ${parts.join('; ')}.`;
}
