import { Group, SegmentedControl, Select, VisuallyHidden } from '@mantine/core';
import { IconChartAreaLine, IconChartBar, IconTable } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useMemo } from 'react';
import type { Schemas } from '@/api/client';
import { STEP_NAMES } from '@/ui/charts/moments';
import { OverTime, PLOT_PX } from '@/ui/charts/OverTime';
import type { Series } from '@/ui/charts/series';
import { Panel } from '@/ui/Panel';
import { Failed } from '@/ui/states';
import {
  DIMENSION_NAMES,
  DIMENSIONS,
  type Dimension,
  isSum,
  MEASURE_NAMES,
  MEASURES,
  nameOf,
} from './dimensions';
import classes from './Overview.module.css';
import { type Asked, seriesQuery } from './queries';
import { type OverviewSearch, SHAPES } from './search';

type Props = { asked: Asked; search: OverviewSearch; change: (changed: OverviewSearch) => void };

const NOTHING = 'none';
const SHAPE_NAMES = { bar: 'Bars', area: 'Areas', table: 'Table' } as const;
const SHAPE_ICONS = { bar: IconChartBar, area: IconChartAreaLine, table: IconTable } as const;

/** One measure over time, as one or by a dimension. */
export function OverTimePanel({ asked, search, change }: Props) {
  const { measure = 'cost', by, shape = 'bar' } = search;
  const query = useQuery(seriesQuery(asked, measure, by));
  const series = useMemo(() => query.data && seriesOf(query.data, by), [query.data, by]);
  const label = by === undefined ? MEASURE_NAMES[measure] : `${MEASURE_NAMES[measure]} by ${by}`;
  return (
    <Panel
      title={series === undefined ? label : `${label}, per ${STEP_NAMES[series.step]}`}
      actions={
        <Group gap="xs">
          <Select
            aria-label="Measure"
            size="xs"
            className={classes.choice}
            data={MEASURES.map((value) => ({ value, label: MEASURE_NAMES[value] }))}
            value={measure}
            allowDeselect={false}
            maxDropdownHeight={360}
            onChange={(value) => change({ measure: MEASURES.find((each) => each === value) })}
          />
          <Select
            aria-label="Group by"
            size="xs"
            className={classes.choice}
            data={[
              { value: NOTHING, label: 'All as one' },
              ...DIMENSIONS.map((value) => ({
                value,
                label: `By ${DIMENSION_NAMES[value].one.toLowerCase()}`,
              })),
            ]}
            value={by ?? NOTHING}
            allowDeselect={false}
            maxDropdownHeight={360}
            onChange={(value) => change({ by: DIMENSIONS.find((each) => each === value) })}
          />
          <SegmentedControl
            aria-label="Show as"
            size="xs"
            value={shape}
            data={SHAPES.map((value) => ({ value, label: <ShapeIcon shape={value} /> }))}
            onChange={(value) => change({ shape: SHAPES.find((each) => each === value) })}
          />
        </Group>
      }
    >
      {query.isError && series === undefined ? (
        <Placeholder>
          <Failed error={query.error} again={() => void query.refetch()} />
        </Placeholder>
      ) : (
        <OverTime
          label={label}
          series={series}
          shape={shape === 'table' || isSum(measure) ? shape : 'line'}
          stale={query.isPlaceholderData}
          grouped={by !== undefined}
        />
      )}
    </Panel>
  );
}

function Placeholder({ children }: { children: ReactNode }) {
  return <div style={{ minHeight: PLOT_PX }}>{children}</div>;
}

function ShapeIcon({ shape }: { shape: (typeof SHAPES)[number] }) {
  const Icon = SHAPE_ICONS[shape];
  return (
    <>
      <Icon size={16} style={{ display: 'block' }} aria-hidden />
      <VisuallyHidden>{SHAPE_NAMES[shape]}</VisuallyHidden>
    </>
  );
}

function seriesOf({ times, step, unit, lines }: Schemas['SeriesOut'], by: Dimension | undefined): Series {
  return {
    times,
    step,
    unit,
    lines: lines.map((line) => ({
      id: line.other ? '\0other' : (line.value ?? ''),
      name: by === undefined ? 'All' : line.other ? 'Other' : nameOf(by, line.value, line.name),
      points: line.points,
      other: line.other,
    })),
  };
}
