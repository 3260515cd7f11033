import { expect, it } from 'vitest';
import { exportUrl } from './exporting';

it('asks for what the page shows', () => {
  const period = { since: '2026-05-01T00:00:00Z', until: '2026-05-02T00:00:00Z', live: true };
  const url = exportUrl({ period, filters: { model: ['a&b', ''], team: undefined } }, 'csv');
  expect(url).toBe(
    '/v1/reports/export?format=csv&model=a%26b&model=&since=2026-05-01T00%3A00%3A00Z&until=2026-05-02T00%3A00%3A00Z',
  );
});
