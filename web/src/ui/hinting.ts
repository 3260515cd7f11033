/** Which of the page's hints is asked for. Pure DOM: nothing is drawn here. */

export type Hinted = { target: Element; text: string };

const NAME = 'data-hint';
const WAIT_MS = 250;

/** To be spread on an element: the words that show while the mouse rests on it or the keyboard is on it. */
export function hint(text: string | undefined): { 'data-hint'?: string } {
  return text === undefined ? {} : { [NAME]: text };
}

/** Tells of the hint that should show, and of null when none should; gives what ends that. */
export function listen(show: (hinted: Hinted | null) => void): () => void {
  let at: Element | null = null;
  let timer: number | undefined;
  function turnTo(target: Element | null) {
    if (target === at) return;
    at = target;
    window.clearTimeout(timer);
    show(null);
    if (target !== null) timer = window.setTimeout(() => tell(target), WAIT_MS);
  }
  function tell(target: Element) {
    const text = target.getAttribute(NAME);
    if (target.isConnected && text !== null) show({ target, text });
  }
  const over = (event: Event) => turnTo(hintedAround(event.target));
  const focused = (event: Event) => {
    if (event.target instanceof Element && event.target.matches(':focus-visible')) over(event);
  };
  const away = () => turnTo(null);
  const pressed = (event: KeyboardEvent) => {
    if (event.key === 'Escape') away();
  };
  const ending = new AbortController();
  const always = { signal: ending.signal, capture: true, passive: true };
  document.addEventListener('mouseover', over, always);
  document.documentElement.addEventListener('mouseleave', away, { signal: ending.signal });
  document.addEventListener('focusin', focused, always);
  document.addEventListener('focusout', away, always);
  document.addEventListener('scroll', away, always);
  document.addEventListener('keydown', pressed, always);
  return () => {
    ending.abort();
    window.clearTimeout(timer);
  };
}

function hintedAround(target: EventTarget | null): Element | null {
  return target instanceof Element ? target.closest(`[${NAME}]`) : null;
}

type Box = { left: number; top: number; width: number; height: number };
type Size = { width: number; height: number };

const GAP = 5;
const EDGE = 8;

/** Above the target's middle; below it where there is no room, and never beyond the window's sides. */
export function placeOf(target: Box, hint: Size, window: Size): { left: number; top: number } {
  const middle = target.left + target.width / 2 - hint.width / 2;
  const above = target.top - GAP - hint.height;
  return {
    left: Math.max(EDGE, Math.min(middle, window.width - EDGE - hint.width)),
    top: above >= EDGE ? above : target.top + target.height + GAP,
  };
}
