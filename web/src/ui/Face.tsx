import type { ReactNode } from 'react';
import classes from './Face.module.css';

/** A person in a circle: the first letters of the first two words of the name. */
export function Face({ name }: { name: string }) {
  return <Circle>{initialsOf(name)}</Circle>;
}

/** Some, overlapping, and how many more there are. */
export function Faces({ names, most }: { names: readonly string[]; most: number }) {
  const rest = names.length - most;
  return (
    <span className={classes.faces} aria-hidden>
      {names.slice(0, most).map((name, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: two may have one name, and none of them has a state
        <Face key={place} name={name} />
      ))}
      {rest > 0 && <Circle>+{rest}</Circle>}
    </span>
  );
}

function Circle({ children }: { children: ReactNode }) {
  return (
    <span className={classes.face} aria-hidden>
      {children}
    </span>
  );
}

export function initialsOf(name: string): string {
  const words = name.split(' ').filter((word) => word !== '');
  const [first = '', second] = words;
  const letters = second === undefined ? [...first].slice(0, 2) : [[...first][0], [...second][0]];
  return letters.join('').toUpperCase();
}
