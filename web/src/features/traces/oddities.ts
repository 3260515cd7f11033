/** What is strange about a span's place and times, in words. Pure. */

import { duration } from '@/ui/numbers';
import type { Node } from './tree';

export function oddities(node: Node): string[] {
  const said: string[] = [];
  if (node.standing === 'orphan') {
    said.push(
      'Its parent is not here: it was not sent, has not arrived yet, is no longer kept, or belongs to somebody else.',
    );
  }
  if (node.standing === 'circle')
    said.push('Its parent is among its own children. It is shown here instead.');
  if (node.backwards) said.push('It says that it ended before it began. It is shown without a length.');
  if (node.earlyMs > 0) {
    said.push(
      `It begins ${duration(node.earlyMs)} before its parent: the clocks of two machines differ, or its parent was told late.`,
    );
  }
  return said;
}
