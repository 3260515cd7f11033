import { describe, expect, it } from 'vitest';
import { snippetsFor, TOKEN } from './snippets';

describe('what to copy', () => {
  const snippets = snippetsFor('https://ai.example.com:8443');

  it('goes to where the page came from', () => {
    for (const { code } of snippets) expect(code).toContain('https://ai.example.com:8443');
  });

  it('names the path once, and leaves it to OpenLLMetry', () => {
    for (const { id, code } of snippets) {
      expect(code.split('/v1/traces').length - 1).toBe(id === 'openllmetry' ? 0 : 1);
    }
  });

  it('has a place for the token, and no token', () => {
    for (const { code } of snippets) {
      expect(code).toContain(TOKEN);
      expect(code).not.toMatch(/tht_[0-9a-f]{8}/);
    }
  });

  it('encodes the blank where the SDKs want it', () => {
    expect(snippets.find(({ id }) => id === 'env')?.code).toContain('Bearer%20');
  });
});
