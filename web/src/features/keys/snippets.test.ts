import { describe, expect, it } from 'vitest';
import { curlSnippet, exampleModel, pythonSnippet } from './snippets';

describe('the model of an example', () => {
  it.each([
    [[], 'gpt-4o-mini'],
    [['openai/o3', 'openai/gpt-4o'], 'gpt-4o'],
    [['anthropic/claude-sonnet-4-5'], 'anthropic/claude-sonnet-4-5'],
    [['claude-*'], 'anthropic/claude-haiku'],
    [['openai/o*'], 'openai/o3'],
    [['unknown-*'], 'gpt-4o-mini'],
  ])('is one that %j allows', (allowed, model) => {
    expect(exampleModel(allowed, ['else/openai/oss', 'openai/o3', 'anthropic/claude-haiku'])).toBe(model);
  });
});

it('snippets have the key and the address in them', () => {
  for (const snippet of [curlSnippet, pythonSnippet]) {
    const text = snippet('https://t.example', 'aig_1', 'gpt-4o');
    for (const part of ['https://t.example/v1/ai', 'aig_1', 'gpt-4o']) expect(text).toContain(part);
  }
});
