import { useMantineTheme } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';

/** A phone held upright, or a window as small: tables drop columns, drawers take the whole width. */
export function useNarrow(): boolean {
  const { breakpoints } = useMantineTheme();
  return useMediaQuery(`(width < ${breakpoints.sm})`, undefined, { getInitialValueInEffect: false }) ?? false;
}
