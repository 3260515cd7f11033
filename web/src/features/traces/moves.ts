/** What a key does in the tree of spans. Pure; as the ARIA authoring practices have it for trees. */

import type { Node } from './tree';

export type Move = { kind: 'choose' | 'toggle'; id: string };

const PAGE = 10;

export function moved(
  key: string,
  rows: readonly Node[],
  at: number,
  closed: ReadonlySet<string>,
): Move | null {
  const here = rows[at];
  const to = (index: number): Move | null => {
    const row = rows[Math.min(Math.max(index, 0), rows.length - 1)];
    return row === undefined || row === here ? null : { kind: 'choose', id: row.id };
  };
  switch (key) {
    case 'ArrowDown':
      return to(at + 1);
    case 'ArrowUp':
      return to(at - 1);
    case 'PageDown':
      return to(at + PAGE);
    case 'PageUp':
      return to(at - PAGE);
    case 'Home':
      return to(0);
    case 'End':
      return to(rows.length - 1);
  }
  if (here === undefined) return null;
  const folds = here.children.length > 0;
  if (key === 'Enter' || key === ' ') return folds ? { kind: 'toggle', id: here.id } : null;
  if (key === 'ArrowRight' && folds) {
    return closed.has(here.id) ? { kind: 'toggle', id: here.id } : to(at + 1);
  }
  if (key === 'ArrowLeft') {
    if (folds && !closed.has(here.id)) return { kind: 'toggle', id: here.id };
    return here.parent === null ? null : { kind: 'choose', id: here.parent.id };
  }
  return null;
}
