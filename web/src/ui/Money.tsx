import { Text, Tooltip } from '@mantine/core';
import { exactUsd, usd } from './numbers';

/** Dollars, given as the API gives them; every digit of them on hover. */
export function Money({ usd: amount, none = '–' }: { usd: string | null; none?: string }) {
  if (amount === null)
    return (
      <Text span inherit c="dimmed">
        {none}
      </Text>
    );
  const shown = usd(amount);
  const exact = exactUsd(amount);
  const text = (
    <Text span inherit className="number">
      {shown}
    </Text>
  );
  return shown === exact ? text : <Tooltip label={exact}>{text}</Tooltip>;
}
