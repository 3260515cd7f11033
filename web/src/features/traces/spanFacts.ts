/** What a span says in columns and attributes, as facts to show. Pure. */

import type { Span } from './tree';

export type TokenLine = { name: string; value: number; part: boolean };

export function tokensOf(span: Span): TokenLine[] {
  const lines: [string, number | null, boolean][] = [
    ['Input', span.input_tokens, false],
    ['read from cache', span.cached_tokens, true],
    ['written to cache', span.cache_write_tokens, true],
    ['Output', span.output_tokens, false],
    ['reasoning', span.reasoning_tokens, true],
  ];
  return lines.flatMap(([name, value, part]) =>
    value === null || (part && value === 0) ? [] : [{ name, value, part }],
  );
}

/** What went wrong: a type as the conventions have it, and words. */
export function errorOf(span: Span): { type: string | null; message: string | null } {
  const type = text(span.attributes['error.type']) ?? text(span.attributes['exception.type']);
  const message = text(span.status_message) ?? text(span.attributes['exception.message']);
  return { type: type === '_OTHER' ? null : type, message };
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value.trim() !== '' ? value : null;
}
