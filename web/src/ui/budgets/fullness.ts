/** From what share on a budget is close to its end, and all but spent. The same wherever a bar shows it. */

const WARN_AT = 0.8;
const ALARM_AT = 0.95;

/** `share`: what is spent, of 1. */
export function fullnessColour(share: number): 'pine' | 'yellow' | 'red' {
  return share >= ALARM_AT ? 'red' : share >= WARN_AT ? 'yellow' : 'pine';
}
