import { Alert } from '@mantine/core';
import { IconInfoCircle } from '@tabler/icons-react';
import { count } from '@/ui/numbers';
import type { Tree } from './tree';

type Props = { tree: Tree; shown: number; complete: boolean; all: number };

/** What is not whole about a trace, in words. */
export function Notes({ tree, shown, complete, all }: Props) {
  const notes: string[] = [];
  if (!complete) {
    notes.push(`The first ${count(shown)} of ${count(all)} spans are shown, by when they began.`);
  }
  if (tree.roots.length > 0 && tree.roots.every((root) => root.standing === 'orphan') && tree.byId.size > 1) {
    notes.push(
      'The span that began this trace is not here (yet): others sent it elsewhere, or it is still running.',
    );
  }
  if (tree.circles > 0) notes.push('Some spans name each other as parents. Each is shown once.');
  if (notes.length === 0) return null;
  return (
    <Alert color="gray" icon={<IconInfoCircle aria-hidden />} p="sm">
      {notes.join(' ')}
    </Alert>
  );
}
