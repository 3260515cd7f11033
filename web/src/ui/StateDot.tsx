import { Badge } from '@mantine/core';
import type { ReactNode } from 'react';

/** A state in a word, with a dot of its colour: the word itself stays as readable as any other. */
export function StateDot({ colour, children }: { colour: string; children: ReactNode }) {
  return (
    <Badge variant="dot" color={colour} tt="none" fw={500} display="flex" w="fit-content" maw="100%">
      {children}
    </Badge>
  );
}
