import type { Column } from '@/ui/DataTable';
import text from '@/ui/text.module.css';
import { When } from '@/ui/When';
import { actionOf, inShort, type Line } from './entries';

const WHEN: Column<Line> = {
  id: 'at',
  head: 'When',
  width: '108px',
  cell: (line) => <When at={line.at} style="minute" />,
};
const WHAT: Column<Line> = {
  id: 'what',
  head: 'What',
  width: 'minmax(150px, 1fr)',
  cell: (line) => (
    <>
      <div className={text.strong}>{actionOf(line.action)}</div>
      <div className={text.code}>{line.subject}</div>
    </>
  ),
};

export function columnsOf(narrow: boolean): Column<Line>[] {
  if (narrow) return [{ ...WHEN, width: '108px', cell: (line) => <When at={line.at} /> }, WHAT];
  return [
    WHEN,
    WHAT,
    {
      id: 'who',
      head: 'By',
      width: 'minmax(150px, 1.1fr)',
      cell: (line) => line.actor_email ?? line.actor,
    },
    {
      id: 'change',
      head: 'Change',
      width: 'minmax(160px, 1.4fr)',
      cell: (line) => <div className={`${text.main} ${text.faint}`}>{inShort(line) || '–'}</div>,
    },
  ];
}
