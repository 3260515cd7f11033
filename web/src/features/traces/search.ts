/** What may stand in the addresses of traces; anything else is left out. */

import { type RangeSearch, rangeSearch } from '@/ui/timeRange';
import { type Filters, filtersOf } from './filters';

export type TracesSearch = RangeSearch & Filters & { live?: boolean | undefined };

export function tracesSearch(given: Record<string, unknown>): TracesSearch {
  const live = given.live === true ? { live: true } : {};
  return { ...rangeSearch(given), ...filtersOf(given), ...live };
}

declare module '@tanstack/react-router' {
  interface HistoryState {
    /** What was searched for when a trace was opened: the way back leads there. */
    tracesSearch?: TracesSearch;
  }
}

export const VIEWS = ['attributes', 'content'] as const;
export type View = (typeof VIEWS)[number];

/** `span`: the one that is looked at; `view`: which side of it; `receipt`: the call whose receipt is open. */
export type TraceSearch = {
  span?: string | undefined;
  view?: View | undefined;
  receipt?: string | undefined;
};

const SPAN = /^[0-9a-f]{16}(-otlp)?$/;
const CALL = /^[0-9A-Za-z-]{8,64}$/;

export function traceSearch(given: Record<string, unknown>): TraceSearch {
  const found: TraceSearch = {};
  // Sixteen digits without a letter are read as a number, which may have lost some of them: links quote them.
  if (typeof given.span === 'string' && SPAN.test(given.span)) found.span = given.span;
  const view = VIEWS.find((known) => known === given.view);
  if (view !== undefined) found.view = view;
  if (typeof given.receipt === 'string' && CALL.test(given.receipt)) found.receipt = given.receipt;
  return found;
}
