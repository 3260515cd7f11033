/** Loaded when somebody wants areas. */

import { AreaChart } from '@mantine/charts';
import '@mantine/charts/styles.css';
import { common, type PlotProps } from './plotting';

export default function AreaPlot(props: PlotProps) {
  return (
    <AreaChart
      {...common(props)}
      type="stacked"
      curveType="linear"
      withDots={false}
      strokeWidth={1.5}
      fillOpacity={0.35}
    />
  );
}
