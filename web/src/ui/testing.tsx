/** A page's parts in jsdom, which has no layout: what they need of one is made up here. For tests only. */

import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { render } from '@testing-library/react';
import type { Middleware } from 'openapi-fetch';
import { type ReactNode, Suspense } from 'react';
import { api } from '@/api/client';

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
      <QueryClientProvider client={client}>
        <Suspense>{part}</Suspense>
      </QueryClientProvider>
    </MantineProvider>,
  );
}

export function json(body: unknown, status = 200): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });
}

let listening: Middleware | undefined;

/** The API of a test: everything that is sent is in the list, and answered by the function. Until `hangUp`. */
export function listen(answer: (request: Request) => Response): Request[] {
  hangUp();
  const heard: Request[] = [];
  listening = {
    onRequest({ request }) {
      heard.push(request.clone());
      return answer(request);
    },
  };
  api.use(listening);
  return heard;
}

export function hangUp(): void {
  if (listening !== undefined) api.eject(listening);
  listening = undefined;
}
