import { useMediaQuery } from '@mantine/hooks';
import { useNarrow } from './useNarrow';

/** How many columns there is room for: a phone, a tablet or half a screen, a whole screen. */
export type Breadth = 'narrow' | 'middle' | 'wide';

export function useBreadth(): Breadth {
  const wide = useMediaQuery('(min-width: 80em)', true, { getInitialValueInEffect: false });
  const narrow = useNarrow();
  return wide ? 'wide' : narrow ? 'narrow' : 'middle';
}
