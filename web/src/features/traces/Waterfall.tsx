import { Box, Button, Group, Text } from '@mantine/core';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { count } from '@/ui/numbers';
import { useNarrow } from '@/ui/useNarrow';
import { ticksOf } from './axis';
import colours from './Kinds.module.css';
import { KIND_NAMES, KINDS, kindOf } from './kinds';
import { moved } from './moves';
import { above, rowsOf, type Tree } from './tree';
import classes from './Waterfall.module.css';
import { WaterfallRow } from './WaterfallRow';

type Props = { tree: Tree; chosen: string; choose: (id: string) => void };

const ROW_PX = 32;
const TWO_LINES_PX = 48;
const AXIS_PX = 30;
/** What the deepest span is moved in by, however deep: names need room. */
const INDENTS_PX = 112;
const MOST_INDENT_PX = 14;
const SPARE_ROWS = 12;
/** Longer traces begin folded to their first levels, so that their shape is seen. */
const MANY = 300;
const OPEN_LEVELS = 2;

/** All spans in time: a tree to walk with the arrow keys, and bars on one axis. */
export function Waterfall({ tree, chosen, choose }: Props) {
  const narrow = useNarrow();
  const [closed, setClosed] = useState(() => closedAtFirst(tree));
  const scroller = useRef<HTMLDivElement>(null);
  const inSight = useRef<string | null>(null);
  const rows = useMemo(() => rowsOf(tree, closed), [tree, closed]);
  const indentPx = Math.min(MOST_INDENT_PX, INDENTS_PX / Math.max(tree.deepest, 1));
  const ticks = useMemo(() => ticksOf(tree.lengthMs, narrow ? 3 : 5), [tree, narrow]);
  const rules = { '--step': `${(ticks[1]?.share ?? 1) * 100}%` };
  const at = rows.findIndex((row) => row.id === chosen);
  const rowPx = narrow ? TWO_LINES_PX : ROW_PX;
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowPx,
    overscan: SPARE_ROWS,
  });
  useEffect(() => {
    if (rowPx > 0) virtual.measure();
  }, [virtual, rowPx]);
  // Whoever comes by a link sees the span that it names, whatever is folded.
  useEffect(() => {
    const node = tree.byId.get(chosen);
    if (node !== undefined) setClosed((before) => without(before, above(node)));
  }, [tree, chosen]);
  // Once for each: whoever folds or scrolls afterwards is not pulled back.
  useEffect(() => {
    if (at < 0 || inSight.current === chosen || scroller.current === null) return;
    inSight.current = chosen;
    reveal(scroller.current, at * rowPx, rowPx);
  }, [at, chosen, rowPx]);
  // The same function always: rows in sight are not drawn again while one scrolls.
  const toggle = useCallback((id: string) => {
    setClosed((before) => (before.has(id) ? without(before, [id]) : new Set([...before, id])));
  }, []);
  function pressed(event: KeyboardEvent) {
    const move = moved(event.key, rows, at, closed);
    if (move === null) return;
    event.preventDefault();
    if (move.kind === 'choose') choose(move.id);
    else toggle(move.id);
  }
  return (
    <Box className={classes.frame}>
      <Bar tree={tree} chosen={chosen} choose={choose} closed={closed} fold={setClosed} />
      <div
        ref={scroller}
        className={classes.scroller}
        role="tree"
        aria-label="Spans"
        tabIndex={0}
        aria-activedescendant={at >= 0 ? `span-${chosen}` : undefined}
        onKeyDown={pressed}
      >
        <div className={classes.axis} aria-hidden>
          <span className={classes.axisName}>Span</span>
          <div className={classes.ticks}>
            {ticks.map((tick) => (
              <span
                key={tick.ms}
                className={classes.tick}
                style={{ left: `${tick.share * 100}%` }}
                data-last={tick.share > 0.9}
              >
                {tick.label}
              </span>
            ))}
          </div>
        </div>
        <div
          className={classes.rows}
          style={{ height: virtual.getTotalSize(), ...rules }}
          role="presentation"
        >
          {virtual.getVirtualItems().map((item) => {
            const node = rows[item.index];
            if (node === undefined) return null;
            return (
              <WaterfallRow
                key={node.id}
                node={node}
                lengthMs={tree.lengthMs}
                indentPx={indentPx}
                top={item.start}
                height={item.size}
                chosen={node.id === chosen}
                closed={closed.has(node.id)}
                choose={choose}
                toggle={toggle}
              />
            );
          })}
        </div>
      </div>
    </Box>
  );
}

type BarProps = Props & { closed: ReadonlySet<string>; fold: (closed: ReadonlySet<string>) => void };

function Bar({ tree, chosen, choose, closed, fold }: BarProps) {
  const parents = useMemo(() => [...tree.byId.values()].filter((node) => node.children.length > 0), [tree]);
  const failed = useMemo(
    () => rowsOf(tree, new Set()).filter((node) => node.span.status === 'error'),
    [tree],
  );
  const kinds = useMemo(() => new Set([...tree.byId.values()].map((node) => kindOf(node.span))), [tree]);
  const next = failed[(failed.findIndex((node) => node.id === chosen) + 1) % Math.max(failed.length, 1)];
  return (
    <Group className={classes.bar} justify="space-between" gap="4px xs">
      <Group gap="4px 14px" component="ul" className={classes.legend} aria-label="Colours">
        {KINDS.filter((kind) => kinds.has(kind)).map((kind) => (
          <Group key={kind} gap={6} component="li" wrap="nowrap">
            <span className={`${classes.dot} ${colours.kind}`} data-kind={kind} aria-hidden />
            <Text size="xs" c="dimmed">
              {KIND_NAMES[kind]}
            </Text>
          </Group>
        ))}
      </Group>
      <Group gap={4} ml="auto" mr={-4}>
        {next !== undefined && (
          <Button size="compact-xs" variant="subtle" color="red" onClick={() => choose(next.id)}>
            {failed.length === 1 ? 'Show error' : `Next of ${count(failed.length)} errors`}
          </Button>
        )}
        {parents.length > 0 && (
          <Button
            size="compact-xs"
            variant="subtle"
            color="gray"
            onClick={() => fold(closed.size > 0 ? new Set() : new Set(parents.map((node) => node.id)))}
          >
            {closed.size > 0 ? 'Unfold all' : 'Fold all'}
          </Button>
        )}
      </Group>
    </Group>
  );
}

/** Scrolls as little as it takes; what is far away comes to the middle. */
function reveal(scroller: HTMLElement, top: number, height: number): void {
  const room = scroller.clientHeight - AXIS_PX - height;
  const { scrollTop } = scroller;
  if (top >= scrollTop && top <= scrollTop + room) return;
  const near = Math.abs(top - scrollTop) < 2 * room;
  scroller.scrollTop = near ? (top < scrollTop ? top : top - room) : top - room / 2;
}

function closedAtFirst(tree: Tree): ReadonlySet<string> {
  if (tree.byId.size <= MANY) return new Set();
  const deep = [...tree.byId.values()].filter(
    (node) => node.depth >= OPEN_LEVELS && node.children.length > 0,
  );
  return new Set(deep.map((node) => node.id));
}

function without(closed: ReadonlySet<string>, ids: readonly string[]): ReadonlySet<string> {
  if (!ids.some((id) => closed.has(id))) return closed;
  const gone = new Set(ids);
  return new Set([...closed].filter((id) => !gone.has(id)));
}
