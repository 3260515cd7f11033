import { Text, Tooltip } from '@mantine/core';
import { count, short } from './numbers';

/** A number of tokens, calls or spans; every digit of it on hover. */
export function Tokens({ of: value }: { of: number | null }) {
  if (value === null)
    return (
      <Text span inherit c="dimmed">
        –
      </Text>
    );
  const shown = short(value);
  const exact = count(value);
  const text = (
    <Text span inherit className="number">
      {shown}
    </Text>
  );
  return shown === exact ? text : <Tooltip label={exact}>{text}</Tooltip>;
}
