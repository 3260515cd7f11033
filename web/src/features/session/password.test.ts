import { expect, it } from 'vitest';
import { fault, rest } from './password';

it('counts characters as the API does', () => {
  expect(rest('')).toBe(12);
  expect(rest('🦊'.repeat(11))).toBe(1);
  expect(fault('🦊'.repeat(11))).toMatch(/at least 12/);
  expect(fault('correct horse')).toBeNull();
  expect(fault('x'.repeat(1025))).toMatch(/at most 1024/);
});
