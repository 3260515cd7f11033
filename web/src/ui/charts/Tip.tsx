import { Paper, Text } from '@mantine/core';
import classes from './charts.module.css';
import { Swatch } from './Legend';
import { whole } from './moments';
import { type DrawnLine, FORMATS, type Series, stacks, sum } from './series';

/** What a step holds, the largest first; lines without anything are left out. */
export function Tip({ at, series, lines }: { at: string; series: Series; lines: readonly DrawnLine[] }) {
  const step = series.times.indexOf(at);
  const { shown } = FORMATS[series.unit];
  const stacked = stacks(series.unit);
  const values = lines
    .map((line) => ({ line, value: line.points[step] ?? null }))
    .filter(({ value }) => value !== null && (!stacked || value !== 0))
    .sort((one, other) => (other.value ?? 0) - (one.value ?? 0));
  return (
    <Paper withBorder shadow="md" p="sm" maw={340}>
      <Text size="xs" c="dimmed" mb={6}>
        {whole(at, series.step)}
      </Text>
      {values.length === 0 && <Text size="sm">Nothing</Text>}
      {values.map(({ line, value }) => (
        <div key={line.key} className={classes.tip}>
          <Swatch colour={line.colour} />
          <span className={classes.name}>{line.name}</span>
          <span className="number">{shown(value ?? 0)}</span>
        </div>
      ))}
      {stacked && values.length > 1 && (
        <div className={classes.tip} data-total>
          <span />
          <span>Total</span>
          <span className="number">{shown(sum(values.map(({ value }) => value)))}</span>
        </div>
      )}
    </Paper>
  );
}
