import { Button } from '@mantine/core';
import { IconArrowUp } from '@tabler/icons-react';
import { type ReactNode, type UIEvent, useMemo, useRef, useState } from 'react';
import { DataTable } from '@/ui/DataTable';
import { useBreadth } from '@/ui/useBreadth';
import { columnsOf } from './columns';
import { barScale, type Trace } from './live';
import classes from './Traces.module.css';

type Props = {
  rows: readonly Trace[];
  waiting: number;
  letAllIn: () => void;
  /** Somebody reads: newer ones should wait. */
  reading: (yes: boolean) => void;
  open: (trace: Trace) => void;
  more: { has: boolean; busy: boolean; load: () => void };
  stale: boolean;
  nothing: ReactNode;
};

const AWAY_PX = 8;
const ROW_PX = 56;

export function TraceTable({ rows, waiting, letAllIn, reading, open, more, stale, nothing }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const [away, setAway] = useState(false);
  const [busy, setBusy] = useState(false);
  const breadth = useBreadth();
  const scale = useMemo(() => barScale(rows), [rows]);
  const columns = useMemo(() => columnsOf(breadth, scale), [breadth, scale]);
  function note(next: { away?: boolean; busy?: boolean }) {
    const now = { away, busy, ...next };
    setAway(now.away);
    setBusy(now.busy);
    reading(now.away || now.busy);
  }
  function scrolled(event: UIEvent<HTMLDivElement>) {
    if (event.target instanceof HTMLElement && event.target !== event.currentTarget) {
      const now = event.target.scrollTop > AWAY_PX;
      if (now !== away) note({ away: now });
    }
  }
  function toTop() {
    letAllIn();
    place.current?.querySelector('[role="region"]')?.scrollTo({ top: 0 });
  }
  return (
    <div
      ref={place}
      className={classes.place}
      role="group"
      aria-label="Traces that match"
      onScrollCapture={scrolled}
      onPointerEnter={() => note({ busy: true })}
      onPointerLeave={() => note({ busy: place.current?.contains(document.activeElement) ?? false })}
      onFocus={() => note({ busy: true })}
      onBlur={() => note({ busy: false })}
    >
      <DataTable
        label="Traces"
        columns={columns}
        rows={rows}
        idOf={(trace) => trace.trace_id}
        open={open}
        more={more}
        stale={stale}
        minWidth={breadth === 'wide' ? 940 : breadth === 'middle' ? 620 : 0}
        height="max(420px, calc(100dvh - 246px))"
        rowHeight={ROW_PX}
        nothing={nothing}
      />
      {waiting > 0 && (
        <Button
          className={classes.newer}
          size="compact-sm"
          radius="xl"
          leftSection={<IconArrowUp size={14} aria-hidden />}
          onClick={toTop}
        >
          {waiting} new
        </Button>
      )}
    </div>
  );
}
