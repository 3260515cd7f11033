import { type ComponentType, createElement, lazy, type ReactElement, Suspense } from 'react';

/** A part that is fetched when it is first drawn: a dialog that most visits never open costs them nothing. Until it has
 *  come there is nothing in its place. */
export function lazily<Name extends string, Props extends object>(
  load: () => Promise<Record<Name, ComponentType<Props>>>,
  name: Name,
): (props: Props) => ReactElement {
  const Part = lazy(async () => {
    const part: ComponentType<Props> = (await load())[name];
    return { default: part };
  });
  return (props) => <Suspense>{createElement<Props>(Part, props)}</Suspense>;
}
