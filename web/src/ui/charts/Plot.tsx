/** The drawing itself. Loaded by itself: it brings the charts' library along. */

import { AreaChart, BarChart, LineChart } from '@mantine/charts';
import '@mantine/charts/styles.css';
import type { DotItemDotProps } from 'recharts';
import { tick } from './moments';
import type { Mark, Shape } from './OverTime';
import { type DrawnLine, FORMATS, rowsOf, type Series, stacks, standsAlone } from './series';
import { Tip } from './Tip';

type Props = {
  series: Series;
  lines: readonly DrawnLine[];
  shape: Exclude<Shape, 'table'>;
  height: number;
  mark: Mark | undefined;
};

const AXIS_PX = 64;
const TICK_GAP_PX = 36;
const BAR_PX = 44;

export default function Plot({ series, lines, shape, height, mark }: Props) {
  const { axis } = FORMATS[series.unit];
  const stacked = stacks(series.unit);
  const byKey = new Map(lines.map((line) => [line.key, line]));
  const common = {
    h: height,
    data: rowsOf(series.times, lines),
    dataKey: 'at',
    series: lines.map((line) => ({ name: line.key, color: line.colour })),
    valueFormatter: axis,
    tickLine: 'none' as const,
    strokeDasharray: '0',
    gridColor: 'var(--line-soft)',
    // The chart is one picture with a summary; its values are in the table.
    accessibilityLayer: false,
    xAxisProps: {
      tickFormatter: (at: string) => tick(at, series.step),
      minTickGap: TICK_GAP_PX,
      tickMargin: 4,
    },
    yAxisProps: { width: AXIS_PX, tickCount: 5, ...top(mark, series) },
    tooltipProps: {
      content: ({ label, active }: { label?: string | number | undefined; active?: boolean }) =>
        active ? <Tip at={String(label)} series={series} lines={lines} /> : null,
    },
    referenceLines: mark === undefined ? [] : [{ y: mark.value, label: mark.label, color: 'red.7' }],
  };
  if (!stacked) {
    const dots = (key: string) => {
      const points = byKey.get(key)?.points ?? [];
      return ({ cx, cy, index, stroke }: DotItemDotProps) =>
        cx !== undefined && cy !== undefined && standsAlone(points, index) ? (
          <circle key={index} cx={cx} cy={cy} r={2.5} fill={stroke} />
        ) : (
          <g key={index} />
        );
    };
    return (
      <LineChart
        {...common}
        curveType="linear"
        connectNulls={false}
        lineProps={({ name }) => ({ dot: dots(name), activeDot: { r: 4 } })}
      />
    );
  }
  if (shape === 'area') {
    return (
      <AreaChart
        {...common}
        type="stacked"
        curveType="linear"
        withDots={false}
        strokeWidth={1.5}
        fillOpacity={0.35}
      />
    );
  }
  return <BarChart {...common} type="stacked" maxBarWidth={BAR_PX} />;
}

/** A mark is in sight, also above the highest value. */
function top(mark: Mark | undefined, { times, lines }: Series) {
  if (mark === undefined) return {};
  const steps = times.map((_, step) => lines.reduce((all, line) => all + (line.points[step] ?? 0), 0));
  return { domain: [0, Math.max(mark.value * 1.1, ...steps)] };
}
