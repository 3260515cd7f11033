import { expect, it } from 'vitest';
import { takeSecret } from './secret';

it('leaves the address as soon as it was read', () => {
  window.history.pushState(null, '', '/invitation?x=1#token=inv_abc');
  expect(takeSecret()).toBe('inv_abc');
  expect(window.location.href).toMatch(/\/invitation\?x=1$/);
  expect(takeSecret()).toBeNull();
});

it('is none where the link is not whole', () => {
  window.history.pushState(null, '', '/invitation#token=');
  expect(takeSecret()).toBeNull();
});
