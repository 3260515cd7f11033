import { Text, UnstyledButton, VisuallyHidden } from '@mantine/core';
import type { ReactNode } from 'react';
import classes from './ShareRow.module.css';

type Props = {
  name: ReactNode;
  /** Of the whole, 0 to 1: how far the bar goes. */
  share: number;
  value: ReactNode;
  aside?: ReactNode;
  chosen?: boolean;
  /** Makes it a button; `told` says what it does, before the name and the value: "Show only". */
  choose?: { act: () => void; told: string };
};

/** A name, its value, and a bar behind them that shows its share. */
export function ShareRow({ name, share, value, aside, chosen = false, choose }: Props) {
  const inside = (
    <>
      <span
        className={classes.bar}
        style={{ width: `${Math.min(1, Math.max(0, share)) * 100}%` }}
        aria-hidden
      />
      <Text span size="sm" className={classes.name} fw={chosen ? 600 : 400}>
        {name}
      </Text>
      {aside !== undefined && (
        <Text span size="xs" className={`${classes.aside} number`}>
          {aside}
        </Text>
      )}
      <Text span size="sm" className={`${classes.value} number`}>
        {value}
      </Text>
    </>
  );
  if (choose === undefined) return <div className={classes.row}>{inside}</div>;
  return (
    <UnstyledButton
      className={classes.row}
      onClick={choose.act}
      aria-pressed={chosen}
      data-chosen={chosen || undefined}
    >
      <VisuallyHidden>{choose.told} </VisuallyHidden>
      {inside}
    </UnstyledButton>
  );
}
