import { Text } from '@mantine/core';
import { Go } from './Go';
import type { FirstKey } from './queries';

export function KeyStep({ firstKey }: { firstKey: FirstKey | null }) {
  if (firstKey !== null) return null;
  return (
    <>
      <Text size="sm" maw={620}>
        A virtual key opens the models that you allow, up to the budget that you set. Programs use it in place
        of a provider’s key. It is shown once: keep it at hand for the next step.
      </Text>
      <Go href="/keys?make=true">Make a key</Go>
    </>
  );
}
