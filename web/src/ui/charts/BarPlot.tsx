/** Loaded by itself, with as much of the charts' library as bars need. */

import { BarChart } from '@mantine/charts';
import '@mantine/charts/styles.css';
import { common, type PlotProps } from './plotting';

const BAR_PX = 44;

export default function BarPlot(props: PlotProps) {
  return <BarChart {...common(props)} type="stacked" maxBarWidth={BAR_PX} />;
}
