import { describe, expect, it } from 'vitest';
import { relative, utc } from './times';

const NOW = new Date('2026-05-04T12:00:00Z');
const ago = (seconds: number) => new Date(NOW.getTime() - seconds * 1000);

describe('times', () => {
  it.each([
    [5, 'just now'],
    [-5, 'in a moment'],
    [180, '3 minutes ago'],
    [7_200, '2 hours ago'],
    [86_400, 'yesterday'],
    [-86_400 * 2, 'in 2 days'],
  ])('%d seconds ago is %s', (seconds, shown) => {
    expect(relative(ago(seconds), NOW)).toBe(shown);
  });

  it('are dates when they are far away', () => {
    expect(relative(ago(86_400 * 30), NOW)).toMatch(/Apr/);
  });

  it('are UTC on hover', () => {
    expect(utc(NOW)).toBe('2026-05-04 12:00:00 UTC');
  });
});
