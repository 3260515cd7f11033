import { Group, Text, Tooltip } from '@mantine/core';
import { IconArrowDownRight, IconArrowUpRight } from '@tabler/icons-react';
import { change, percent } from '@/ui/numbers';
import classes from './Overview.module.css';

type Props = {
  now: number | null;
  before: number | null;
  /** What the former value was, and of when. */
  told: string;
  /** More is worse, as with errors; without it more is only more. */
  worse?: boolean;
  /** What more and less of it are called. */
  words?: readonly [more: string, less: string];
};

const FAR = 10;

/** By how much it changed. Only what is good or bad has a colour. */
export function Delta({ now, before, told, worse = false, words = ['more', 'less'] }: Props) {
  const by = now === null || before === null ? null : change(now, before);
  if (by === null)
    return (
      <Tooltip label={told}>
        <Text span inherit>
          –
        </Text>
      </Tooltip>
    );
  const Icon = by < 0 ? IconArrowDownRight : IconArrowUpRight;
  const feel = !worse || by === 0 ? undefined : by > 0 ? 'bad' : 'good';
  return (
    <Tooltip label={told}>
      <Group
        component="span"
        gap={2}
        display="inline-flex"
        wrap="nowrap"
        className={classes.delta}
        data-feel={feel}
      >
        {by !== 0 && <Icon size={14} aria-hidden />}
        <Text span inherit className="number">
          {inWords(by, words)}
        </Text>
      </Group>
    </Tooltip>
  );
}

function inWords(by: number, [more, less]: readonly [string, string]): string {
  if (by === 0) return 'unchanged';
  if (by >= FAR) return `${Math.round(by + 1)}× as much`;
  return `${percent(Math.abs(by))} ${by > 0 ? more : less}`;
}
