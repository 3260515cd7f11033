/** What all drawings have in common. */

import { tick } from './moments';
import { type DrawnLine, FORMATS, rowsOf, type Series } from './series';
import { Tip } from './Tip';
import { roundTicks } from './ticks';

/** Drawn across: a budget. In the unit of the values. */
export type Mark = { value: number; label: string };

export type PlotProps = {
  series: Series;
  lines: readonly DrawnLine[];
  height: number;
  mark: Mark | undefined;
};

const AXIS_PX = 64;
const TICK_GAP_PX = 36;
const TICKS = 5;
/** Half a line: the highest label stands beside its line, not below it. */
const TOP_PX = 8;

export function common({ series, lines, height, mark }: PlotProps) {
  return {
    h: height,
    data: rowsOf(series.times, lines),
    dataKey: 'at',
    series: lines.map((line) => ({ name: line.key, color: line.colour })),
    valueFormatter: FORMATS[series.unit].axis,
    tickLine: 'none' as const,
    strokeDasharray: '0',
    gridColor: 'var(--line-soft)',
    // The chart is one picture with a summary; its values are in the table.
    accessibilityLayer: false,
    xAxisProps: {
      tickFormatter: (at: string) => tick(at, series.step),
      minTickGap: TICK_GAP_PX,
      // Labels at equal distances; with the last one always there, a gap stands before it.
      interval: 'equidistantPreserveStart' as const,
      tickMargin: 4,
    },
    yAxisProps: { width: AXIS_PX, tickCount: TICKS, padding: { top: TOP_PX }, ...top(mark, series) },
    gridProps: { syncWithTicks: true },
    tooltipProps: {
      content: ({ label, active }: { label?: string | number | undefined; active?: boolean }) =>
        active ? <Tip at={String(label)} series={series} lines={lines} /> : null,
    },
    referenceLines: mark === undefined ? [] : [{ y: mark.value, label: mark.label, color: 'red.7' }],
  };
}

/** A mark is in sight, also above the highest value. */
function top(mark: Mark | undefined, { times, lines }: Series) {
  if (mark === undefined) return {};
  const steps = times.map((_, step) => lines.reduce((all, line) => all + (line.points[step] ?? 0), 0));
  const ticks = roundTicks(Math.max(mark.value * 1.05, ...steps), TICKS);
  return { domain: [0, ticks.at(-1) ?? 0], ticks };
}
