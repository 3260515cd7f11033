/** Loaded for what is no part of a whole: shares and durations. */

import { LineChart } from '@mantine/charts';
import '@mantine/charts/styles.css';
import type { DotItemDotProps } from 'recharts';
import { common, type PlotProps } from './plotting';
import { type DrawnLine, standsAlone } from './series';

export default function LinePlot(props: PlotProps) {
  const byKey = new Map(props.lines.map((line) => [line.key, line]));
  return (
    <LineChart
      {...common(props)}
      curveType="linear"
      connectNulls={false}
      lineProps={({ name }) => ({ dot: lonely(byKey.get(name)?.points ?? []), activeDot: { r: 4 } })}
    />
  );
}

/** Dots only where no line shows that there is something. */
function lonely(points: DrawnLine['points']) {
  return ({ cx, cy, index, stroke }: DotItemDotProps) =>
    cx !== undefined && cy !== undefined && standsAlone(points, index) ? (
      <circle key={index} cx={cx} cy={cy} r={2.5} fill={stroke} />
    ) : (
      <g key={index} />
    );
}
