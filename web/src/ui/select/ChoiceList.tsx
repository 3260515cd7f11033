/** The opened list: only the lines in sight are in the page. */

import { Text } from '@mantine/core';
import { IconCheck, IconMinus, IconPlus } from '@tabler/icons-react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useRef } from 'react';
import { count } from '../numbers';
import type { Row } from './choices';
import classes from './Select.module.css';
import type { Selecting } from './useSelecting';

const ROW_PX = 34;
const SPARE_ROWS = 8;

type Props = {
  id: string;
  label: string;
  selecting: Selecting;
  nothing: string;
  /** What a free pattern reaches, in the plural: `models`. */
  things: string;
};

export function ChoiceList({ id, label, selecting, nothing, things }: Props) {
  const { rows, active, byKeys } = selecting;
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: SPARE_ROWS,
  });
  useEffect(() => {
    if (byKeys && active >= 0) virtual.scrollToIndex(active);
  }, [active, byKeys, virtual]);
  return (
    <>
      {rows.length === 0 && (
        <Text size="sm" c="dimmed" p="md" ta="center">
          {nothing}
        </Text>
      )}
      <div
        ref={scroller}
        id={id}
        role="listbox"
        aria-label={label}
        aria-multiselectable
        className={classes.scroller}
      >
        <div role="presentation" style={{ height: virtual.getTotalSize(), position: 'relative' }}>
          {virtual.getVirtualItems().map((item) => {
            const row = rows[item.index];
            if (row === undefined) return null;
            return (
              // biome-ignore lint/a11y/useKeyWithClickEvents: focus stays in the field, whose keys move and take
              <div
                key={row.id}
                id={`${id}-${item.index}`}
                role="option"
                aria-selected={isTaken(row)}
                aria-setsize={rows.length}
                aria-posinset={item.index + 1}
                className={classes.row}
                data-kind={row.kind}
                data-active={item.index === active || undefined}
                style={{ height: ROW_PX, transform: `translateY(${item.start}px)` }}
                onMouseDown={(event) => event.preventDefault()}
                onMouseMove={() => item.index !== active && selecting.point(item.index)}
                onClick={() => selecting.take(row)}
              >
                <Line row={row} things={things} />
              </div>
            );
          })}
        </div>
      </div>
    </>
  );
}

function isTaken(row: Row): boolean {
  return row.kind === 'group' ? row.all : row.kind === 'choice' && (row.chosen || row.by !== null);
}

function Line({ row, things }: { row: Row; things: string }) {
  switch (row.kind) {
    case 'group':
      return (
        <>
          <span className={classes.group}>{row.group}</span>
          <span className={classes.aside}>
            {row.all ? 'Clear' : 'Select all'} {count(row.values.length)}
          </span>
        </>
      );
    case 'free':
      return (
        <>
          <IconPlus size={14} className={classes.mark} aria-hidden />
          <span className={classes.name}>{row.value}</span>
          <span className={classes.aside}>{reach(row.value, row.reaches, things)}</span>
        </>
      );
    case 'choice':
      return (
        <>
          <Mark chosen={row.chosen} by={row.by} />
          <span className={classes.name}>{row.choice.label}</span>
          {row.by !== null && (
            <span className={classes.aside} data-by>
              by {row.by}
            </span>
          )}
          <Notes of={row.choice.notes ?? []} />
        </>
      );
  }
}

function Notes({ of: [first, second] }: { of: readonly string[] }) {
  return (
    <>
      {first !== undefined && (
        <span className={classes.note} data-first>
          {first}
        </span>
      )}
      {second !== undefined && <span className={classes.note}>{second}</span>}
    </>
  );
}

function Mark({ chosen, by }: { chosen: boolean; by: string | null }) {
  if (chosen) return <IconCheck size={14} className={classes.mark} aria-hidden />;
  if (by !== null) return <IconMinus size={14} className={classes.mark} data-faint aria-hidden />;
  return <span className={classes.mark} aria-hidden />;
}

function reach(value: string, reaches: number, things: string): string {
  if (!value.endsWith('*')) return 'not on the list: add as typed';
  return reaches === 0 ? `none of the ${things} now` : `${count(reaches)} ${things} now, and new ones`;
}
