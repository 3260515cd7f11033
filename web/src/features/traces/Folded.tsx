import { Button } from '@mantine/core';
import { useState } from 'react';
import { count } from '@/ui/numbers';
import { foldedAt } from './folding';
import classes from './Span.module.css';

/** A text as it came, never as HTML; of a long one only the beginning until somebody asks. */
export function Folded({ text, mono = true }: { text: string; mono?: boolean }) {
  const [open, setOpen] = useState(false);
  const end = foldedAt(text);
  return (
    <>
      <span className={classes.value} data-mono={mono}>
        {open || end === null ? text : `${text.slice(0, end)}…`}
      </span>
      {end !== null && (
        <Button size="compact-xs" variant="subtle" color="gray" mt={2} onClick={() => setOpen(!open)}>
          {open ? 'Show less' : `Show all ${count(text.length)} characters`}
        </Button>
      )}
    </>
  );
}
