import { type KeyboardEvent, useMemo, useState } from 'react';
import { type Choice, chosenAfter, firstOf, type Row, rowsOf } from './choices';

const PAGE_ROWS = 8;

type Given = {
  choices: readonly Choice[];
  chosen: readonly string[];
  change: (chosen: string[]) => void;
  free: boolean;
};

export type Selecting = {
  opened: boolean;
  open: () => void;
  close: () => void;
  search: string;
  type: (text: string) => void;
  rows: readonly Row[];
  active: number;
  point: (index: number) => void;
  take: (row: Row) => void;
  remove: (value: string) => void;
  onKeyDown: (event: KeyboardEvent) => void;
  /** Moved by keys: then the list follows. By the mouse it must not. */
  byKeys: boolean;
};

/** The state of a list that is searched and chosen from: opened or not, what was typed, where the eye is. */
export function useSelecting({ choices, chosen, change, free }: Given): Selecting {
  const [opened, setOpened] = useState(false);
  const [search, setSearch] = useState('');
  const [at, setAt] = useState(0);
  const [byKeys, setByKeys] = useState(true);
  const rows = useMemo(() => rowsOf(choices, search, chosen, free), [choices, search, chosen, free]);
  const active = Math.min(at, rows.length - 1);

  function open() {
    if (!opened) setAt(firstOf(rows, search));
    setOpened(true);
  }
  function close() {
    setOpened(false);
    setSearch('');
    setAt(0);
  }
  function type(text: string) {
    setSearch(text);
    setOpened(true);
    setByKeys(true);
    setAt(firstOf(rowsOf(choices, text, chosen, free), text));
  }
  function go(to: number) {
    setByKeys(true);
    setAt(Math.max(0, Math.min(to, rows.length - 1)));
  }
  function take(row: Row) {
    change(chosenAfter(row, chosen));
    if (row.kind === 'free') type('');
  }

  /** Where a key leads; null: it is no key of the list. */
  function goal(key: string): number | null {
    const steps: Record<string, number> = {
      ArrowDown: active + 1,
      ArrowUp: active - 1,
      PageDown: active + PAGE_ROWS,
      PageUp: active - PAGE_ROWS,
      Home: 0,
      End: rows.length - 1,
    };
    return steps[key] ?? null;
  }
  function takeActive() {
    const row = rows[active];
    if (row !== undefined) take(row);
  }
  function onKeyDown(event: KeyboardEvent) {
    if (event.nativeEvent.isComposing || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === 'Backspace' && search === '' && chosen.length > 0) {
      event.preventDefault();
      change(chosen.slice(0, -1));
      return;
    }
    if (!opened) {
      if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp' && event.key !== 'Enter') return;
      event.preventDefault(); // Enter must not send the form that the field stands in
      open();
      return;
    }
    const to = goal(event.key);
    if (to !== null) go(to);
    else if (event.key === 'Enter') takeActive();
    else if (event.key === 'Escape') close();
    else return;
    event.preventDefault();
  }
  return {
    opened,
    open,
    close,
    search,
    type,
    rows,
    active,
    point: (index) => {
      setByKeys(false);
      setAt(index);
    },
    take,
    remove: (value) => change(chosen.filter((each) => each !== value)),
    onKeyDown,
    byKeys,
  };
}
