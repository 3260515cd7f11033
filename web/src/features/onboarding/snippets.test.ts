import { describe, expect, it } from 'vitest';
import { LANGUAGES, modelFor, snippet } from './snippets';

describe('a first call', () => {
  it.each(LANGUAGES)('in $label has the address and the model', ({ id }) => {
    const text = snippet(id, 'https://toll.example/v1/ai', 'claude-haiku-4-5');
    expect(text).toContain('https://toll.example/v1/ai');
    expect(text).toContain('claude-haiku-4-5');
  });

  it.each([
    [[], 'gpt-4o-mini'],
    [['gpt-*'], 'gpt-4o-mini'],
    [['claude-*', 'gemini-2.5-flash'], 'gemini-2.5-flash'],
    [['claude-*'], 'claude-…'],
  ])('with the models %j asks for %s', (allowed, model) => {
    expect(modelFor(allowed)).toBe(model);
  });
});
