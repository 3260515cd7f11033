/** Rows under a head that stays: only those in sight are in the page, so ten thousand scroll like ten. */

import { Box, Skeleton, Text, UnstyledButton } from '@mantine/core';
import { IconArrowDown, IconArrowUp } from '@tabler/icons-react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, memo, type ReactNode, useCallback, useEffect, useRef, useState } from 'react';
import classes from './DataTable.module.css';

export type Column<Row> = {
  id: string;
  head: ReactNode;
  /** A track of CSS grid: `minmax(12rem, 2fr)`, `6rem`. */
  width: string;
  cell: (row: Row) => ReactNode;
  align?: 'end';
  /** The server's name of the order by this column; without one it is no order. */
  sort?: string;
};

/** `-name` is from the greatest down. */
export type Sorting = { by: string; change: (by: string) => void };

type Props<Row> = {
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  idOf: (row: Row) => string;
  open?: (row: Row) => void;
  more?: { has: boolean; busy: boolean; load: () => void };
  /** What is shown answers an earlier question: nobody should open a row that is about to be another. */
  stale?: boolean;
  sorting?: Sorting;
  /** Narrower than this the table scrolls sideways within itself. */
  minWidth?: number;
  height?: string;
  rowHeight?: number;
  nothing?: ReactNode;
};

const ROW_PX = 52;
const SPARE_ROWS = 8;

export function DataTable<Row>(props: Props<Row>) {
  const {
    label,
    columns,
    rows,
    idOf,
    open,
    more,
    stale = false,
    sorting,
    minWidth = 720,
    height,
    rowHeight = ROW_PX,
    nothing,
  } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: SPARE_ROWS,
  });
  const shown = virtual.getVirtualItems();
  const last = shown.at(-1)?.index ?? -1;
  useEffect(() => {
    if (more?.has && !more.busy && last >= rows.length - SPARE_ROWS) more.load();
  }, [more, last, rows.length]);
  const tracks = columns.map((column) => column.width).join(' ');
  const cells = useSteady(columns);
  const opening = useRef(open);
  useEffect(() => {
    opening.current = open;
  });
  const openRow = useCallback((row: Row) => opening.current?.(row), []);
  return (
    <Box className={classes.frame}>
      <div
        ref={scroller}
        className={classes.scroller}
        style={{ maxHeight: height ?? '70vh' }}
        tabIndex={0}
        role="region"
        aria-label={label}
      >
        <div
          role="table"
          aria-label={label}
          aria-rowcount={more?.has ? -1 : rows.length + 1}
          style={{ minWidth }}
        >
          <div role="row" className={classes.head} style={{ gridTemplateColumns: tracks }}>
            {columns.map((column) => (
              <Head key={column.id} column={column} sorting={sorting} />
            ))}
          </div>
          <div
            role="rowgroup"
            className={classes.rows}
            aria-busy={stale}
            style={{ height: virtual.getTotalSize() }}
          >
            {shown.map((item) => {
              const row = rows[item.index];
              if (row === undefined) return null;
              return (
                <Line
                  key={idOf(row)}
                  index={item.index}
                  top={item.start}
                  height={rowHeight}
                  tracks={tracks}
                  row={row}
                  columns={cells}
                  open={open && openRow}
                />
              );
            })}
          </div>
        </div>
        {rows.length === 0 && nothing}
        {more?.busy && <Skeleton h={rowHeight - 24} m={12} />}
      </div>
    </Box>
  );
}

function Head<Row>({ column, sorting }: { column: Column<Row>; sorting: Sorting | undefined }) {
  const name = column.sort;
  if (name === undefined || sorting === undefined) {
    return (
      <div role="columnheader" className={classes.cell} data-align={column.align}>
        {column.head}
      </div>
    );
  }
  const up = sorting.by === name;
  const down = sorting.by === `-${name}`;
  const order = up ? 'ascending' : down ? 'descending' : 'none';
  return (
    <div role="columnheader" aria-sort={order} className={classes.cell} data-align={column.align}>
      <UnstyledButton className={classes.sort} onClick={() => sorting.change(down ? name : `-${name}`)}>
        <Text span inherit>
          {column.head}
        </Text>
        {up && <IconArrowUp size={13} aria-hidden />}
        {down && <IconArrowDown size={13} aria-hidden />}
      </UnstyledButton>
    </div>
  );
}

/** The columns as they were for as long as their cells are the same: a new head is no reason to draw all rows anew. */
function useSteady<Row>(columns: readonly Column<Row>[]): readonly Column<Row>[] {
  const [steady, setSteady] = useState(columns);
  const same =
    steady.length === columns.length && columns.every((column, place) => column.cell === steady[place]?.cell);
  if (same) return steady;
  setSteady(columns);
  return columns;
}

/** By how many rows a key moves. */
const stepOf = (key: string) => (key === 'ArrowDown' ? 1 : key === 'ArrowUp' ? -1 : 0);

/** Rows beside one that is in sight are in the page. */
function goTo(index: number, from: HTMLElement): boolean {
  const row = from.parentElement?.querySelector<HTMLElement>(`[aria-rowindex="${index + 2}"]`);
  if (row == null || row === from) return false;
  row.focus();
  return true;
}

type LineProps<Row> = {
  index: number;
  top: number;
  height: number;
  tracks: string;
  row: Row;
  columns: readonly Column<Row>[];
  open: ((row: Row) => void) | undefined;
};

function EveryLine<Row>({ index, top, height, tracks, row, columns, open }: LineProps<Row>) {
  const opens =
    open === undefined
      ? {}
      : {
          onClick: () => open(row),
          onKeyDown: (event: KeyboardEvent<HTMLElement>) => {
            if (event.target !== event.currentTarget) return;
            if (event.key === 'Enter') open(row);
            else if (goTo(index + stepOf(event.key), event.currentTarget)) event.preventDefault();
          },
          tabIndex: 0,
          'data-opens': true,
        };
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      className={classes.row}
      style={{ gridTemplateColumns: tracks, height, transform: `translateY(${top}px)` }}
      {...opens}
    >
      {columns.map((column) => (
        <div role="cell" key={column.id} className={classes.cell} data-align={column.align}>
          {column.cell(row)}
        </div>
      ))}
    </div>
  );
}

/** Scrolling draws the rows that come into sight; those that are there stay as they are. */
const Line = memo(EveryLine) as typeof EveryLine;
