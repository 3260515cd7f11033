import { type Asked, paramsOf } from './queries';

/** Where the browser gets the file. */
export function exportUrl(asked: Asked, format: 'csv' | 'ndjson'): string {
  const query = new URLSearchParams({ format });
  for (const [name, given] of Object.entries(paramsOf(asked))) {
    for (const value of Array.isArray(given) ? given : [given]) query.append(name, value);
  }
  return `/v1/reports/export?${query}`;
}
