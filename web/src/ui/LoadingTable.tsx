import { Skeleton } from '@mantine/core';
import classes from './LoadingTable.module.css';

type Props = { rows?: number; rowHeight?: number };

/** A table that is on its way: the same frame, head and rows, so that nothing jumps when it comes. */
export function LoadingTable({ rows = 8, rowHeight = 52 }: Props) {
  return (
    <div className={classes.frame} role="status" aria-label="Loading">
      <div className={classes.head} />
      {Array.from({ length: rows }, (_, row) => row).map((row) => (
        <div key={row} className={classes.row} style={{ height: rowHeight }}>
          <Skeleton h={12} w="55%" />
          <Skeleton h={12} w="70%" />
          <Skeleton h={12} w="45%" />
          <Skeleton h={12} w="60%" />
        </div>
      ))}
    </div>
  );
}
