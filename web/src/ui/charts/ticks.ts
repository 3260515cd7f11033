/** Round values for an axis from nought. Pure. */

const ROUND: readonly number[] = [1, 2, 2.5, 5, 10];

/** At most `most` values at equal distances from 0, the last not below `highest`. */
export function roundTicks(highest: number, most: number): number[] {
  if (!(highest > 0)) return [0];
  const least = highest / (most - 1);
  const power = 10 ** Math.floor(Math.log10(least));
  const step = (ROUND.find((each) => each * power >= least) ?? 10) * power;
  const last = Math.ceil(highest / step - 1e-9);
  return Array.from({ length: last + 1 }, (_, place) => place * step);
}
