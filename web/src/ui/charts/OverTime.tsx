/** Values over time: a chart with its legend, or the same as a table. Its size is known before anything is loaded. */

import { Box, Center, Skeleton, Text } from '@mantine/core';
import { lazy, Suspense, useEffect, useMemo, useState } from 'react';
import classes from './charts.module.css';
import { Legend } from './Legend';
import { whole } from './moments';
import type { Mark } from './plotting';
import { drawn, isEmpty, type Series, stacks, summary } from './series';
import { ValuesTable } from './ValuesTable';

// Each brings what it needs of the charts' library: most people only ever see bars.
const bars = () => import('./BarPlot');
const BarPlot = lazy(bars);
const AreaPlot = lazy(() => import('./AreaPlot'));
const LinePlot = lazy(() => import('./LinePlot'));

export type Shape = 'bar' | 'area' | 'line' | 'table';
export const PLOT_PX = 300;

type Props = {
  /** What is shown, in words: "Spend by model". */
  label: string;
  /** Undefined while it is not here yet. */
  series: Series | undefined;
  shape?: Shape;
  height?: number;
  mark?: Mark | undefined;
  /** Older values stand here until those asked for arrive. */
  stale?: boolean;
  /** Room for a legend is kept while loading. */
  grouped?: boolean;
};

export function OverTime({
  label,
  series,
  shape = 'bar',
  height = PLOT_PX,
  mark,
  stale = false,
  grouped = false,
}: Props) {
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => {
    // On its way together with the values. If it does not come, drawing asks again and tells.
    if (shape === 'bar') bars().catch(() => undefined);
  }, [shape]);
  const lines = useMemo(() => (series === undefined ? [] : drawn(series.lines)), [series]);
  const loading = <Skeleton h={height} />;
  if (series === undefined) {
    return (
      <Box role="status" aria-label={`Loading: ${label}`}>
        {loading}
        {grouped && <div className={classes.legend} />}
      </Box>
    );
  }
  const Plot = shape === 'line' || !stacks(series.unit) ? LinePlot : shape === 'area' ? AreaPlot : BarPlot;
  const shown = lines.filter((line) => !hidden.has(line.id));
  const toggle = (id: string) =>
    setHidden(
      (before) => new Set(before.has(id) ? [...before].filter((each) => each !== id) : [...before, id]),
    );
  return (
    <Box className={classes.frame} data-stale={stale || undefined}>
      {isEmpty(series) ? (
        <Center h={height} className={classes.nothing}>
          <Text c="dimmed" size="sm">
            Nothing in this time
          </Text>
        </Center>
      ) : shape === 'table' ? (
        <ValuesTable label={label} series={series} lines={lines} height={height} />
      ) : (
        <div role="img" aria-label={summary(label, series, (at) => whole(at, series.step))}>
          <Suspense fallback={loading}>
            <Plot series={series} lines={shown} height={height} mark={mark} />
          </Suspense>
        </div>
      )}
      {grouped && <Legend lines={lines} hidden={hidden} toggle={toggle} still={shape === 'table'} />}
    </Box>
  );
}
