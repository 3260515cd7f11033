import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import classes from './Hints.module.css';
import { type Hinted, listen, placeOf } from './hinting';

const ID = 'hint';

/** The one hint of the page, for all elements that have `hint(…)`: a list of ten thousand numbers costs no tooltip for
 *  each of them. */
export function Hints() {
  const [hinted, setHinted] = useState<Hinted | null>(null);
  useEffect(() => listen(setHinted), []);
  return hinted && <Shown {...hinted} />;
}

function Shown({ target, text }: Hinted) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const shown = box.current;
    if (shown === null) return;
    const size = { width: shown.offsetWidth, height: shown.offsetHeight };
    const page = { width: document.documentElement.clientWidth, height: window.innerHeight };
    const { left, top } = placeOf(target.getBoundingClientRect(), size, page);
    shown.style.left = `${left}px`;
    shown.style.top = `${top}px`;
    target.setAttribute('aria-describedby', ID);
    return () => target.removeAttribute('aria-describedby');
  });
  return (
    <div ref={box} id={ID} role="tooltip" className={classes.hint}>
      {text}
    </div>
  );
}
