import { Tooltip } from '@mantine/core';
import { IconAlertTriangle, IconChevronRight, IconClockExclamation, IconUnlink } from '@tabler/icons-react';
import { memo } from 'react';
import { count, duration } from '@/ui/numbers';
import { barOf } from './axis';
import colours from './Kinds.module.css';
import { KIND_NAMES, kindOf } from './kinds';
import { oddities } from './oddities';
import type { Node } from './tree';
import classes from './Waterfall.module.css';

type Props = {
  node: Node;
  lengthMs: number;
  indentPx: number;
  top: number;
  height: number;
  chosen: boolean;
  closed: boolean;
  choose: (id: string) => void;
  toggle: (id: string) => void;
};

export const WaterfallRow = memo(function WaterfallRow(props: Props) {
  const { node, lengthMs, indentPx, top, height, chosen, closed, choose, toggle } = props;
  const { span } = node;
  const folds = node.children.length > 0;
  const failed = span.status === 'error';
  const kind = kindOf(span);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the tree around it has the keys
    <div
      id={`span-${node.id}`}
      role="treeitem"
      tabIndex={-1}
      aria-level={node.depth + 1}
      aria-selected={chosen}
      aria-expanded={folds ? !closed : undefined}
      className={classes.row}
      data-chosen={chosen}
      style={{ height, transform: `translateY(${top}px)` }}
      onClick={() => choose(node.id)}
    >
      <div className={classes.name} style={{ paddingLeft: node.depth * indentPx }}>
        {folds ? (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the tree around it has the keys
          // biome-ignore lint/a11y/noStaticElementInteractions: a wider target for a mouse
          <span
            className={classes.fold}
            data-open={!closed}
            onClick={(event) => {
              event.stopPropagation();
              toggle(node.id);
            }}
          >
            <IconChevronRight size={14} aria-hidden />
          </span>
        ) : (
          <span className={classes.fold} />
        )}
        <span className={`${classes.dot} ${colours.kind}`} data-kind={kind} aria-hidden />
        <span className={classes.text} data-failed={failed} title={span.name}>
          {span.name}
        </span>
        <span className={classes.unseen}>
          {KIND_NAMES[kind]}, {duration(node.tookMs)}
          {failed && ', failed'}
        </span>
        {closed && <span className={classes.below}>+{count(node.below)}</span>}
        {closed && node.failing && !failed && (
          <IconAlertTriangle size={14} className={classes.fault} aria-hidden />
        )}
        {failed && <IconAlertTriangle size={14} className={classes.fault} aria-hidden />}
        <Odd node={node} />
      </div>
      <Timeline node={node} kind={kind} lengthMs={lengthMs} failed={failed} />
    </div>
  );
});

function Odd({ node }: { node: Node }) {
  const [first] = oddities(node);
  if (first === undefined) return null;
  const Icon = node.standing === 'child' || node.standing === 'root' ? IconClockExclamation : IconUnlink;
  return (
    <Tooltip label={first} multiline maw={320}>
      <Icon size={14} className={classes.odd} aria-hidden />
    </Tooltip>
  );
}

type TimelineProps = Pick<Props, 'node' | 'lengthMs'> & { kind: string; failed: boolean };

/** From here on a bar leaves no room for words at its right. */
const FAR = 0.82;

function Timeline({ node, kind, lengthMs, failed }: TimelineProps) {
  const { left, width } = barOf(node.fromMs, node.tookMs, lengthMs);
  const end = left + width;
  const place = end < FAR ? 'after' : left > 1 - FAR ? 'before' : 'inside';
  const anchor =
    place === 'before'
      ? { right: `${(1 - left) * 100}%` }
      : { left: `${(place === 'inside' ? left : end) * 100}%` };
  return (
    <div className={classes.line} aria-hidden>
      <span
        className={`${classes.span} ${colours.kind}`}
        data-kind={kind}
        data-failed={failed}
        style={{ left: `${left * 100}%`, width: `${width * 100}%` }}
      />
      <span className={classes.took} data-place={place} style={anchor}>
        {duration(node.tookMs)}
      </span>
    </div>
  );
}
