/** A page's parts in jsdom, which has no layout: what they need of one is made up here. For tests only. */

import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { render } from '@testing-library/react';
import type { ReactNode } from 'react';

const SEEN_PX = 340;

class NoResizes implements ResizeObserver {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
}

function nothingMatches(media: string): MediaQueryList {
  return {
    media,
    matches: false,
    onchange: null,
    addListener: () => {},
    removeListener: () => {},
    addEventListener: () => {},
    removeEventListener: () => {},
    dispatchEvent: () => false,
  };
}

/** Everything is as high as a list that shows ten lines. */
function givenALayout(): void {
  window.matchMedia = nothingMatches;
  window.ResizeObserver = NoResizes;
  Element.prototype.scrollTo = () => {};
  Element.prototype.scrollIntoView = () => {};
  for (const side of ['clientHeight', 'clientWidth', 'offsetHeight', 'offsetWidth']) {
    Object.defineProperty(HTMLElement.prototype, side, { configurable: true, value: SEEN_PX });
  }
}

export function show(part: ReactNode): ReturnType<typeof render> {
  givenALayout();
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  return render(
    <MantineProvider env="test">
      <QueryClientProvider client={client}>{part}</QueryClientProvider>
    </MantineProvider>,
  );
}
