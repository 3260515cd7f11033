import { describe, expect, it } from 'vitest';
import { allows, type Choice, chosenAfter, firstOf, found, isPattern, type Row, rowsOf } from './choices';

const CHOICES: readonly Choice[] = [
  { value: 'openai/gpt-4o', label: 'gpt-4o', group: 'openai', words: 'GPT-4o' },
  { value: 'openai/gpt-4o-mini', label: 'gpt-4o-mini', group: 'openai' },
  { value: 'anthropic/claude-sonnet-4-5', label: 'claude-sonnet-4-5', group: 'anthropic', words: 'Sonnet' },
  { value: 'workers-ai/@cf/meta/llama-3', label: '@cf/meta/llama-3', group: 'workers-ai' },
];

const shown = (rows: readonly Row[]) => rows.map((row) => row.id);

function rowOf(rows: readonly Row[], id: string): Row {
  const row = rows.find((each) => each.id === id);
  if (row === undefined) throw new Error(`no row ${id}`);
  return row;
}

describe('a pattern', () => {
  it.each([
    ['openai/*', 'openai/gpt-4o', true],
    ['GPT-4*', 'openai/gpt-4o', true],
    ['gpt-4o', 'openai/gpt-4o', true],
    ['gpt-4o', 'openai/gpt-4o-mini', false],
    ['@cf/*', 'workers-ai/@cf/meta/llama-3', true],
    ['*', 'openai/gpt-4o', true],
  ])('%s reaches %s: %s', (pattern, value, reaches) => {
    expect(allows(pattern, value)).toBe(reaches);
  });

  it('has a star at its end only, and nothing strange in it', () => {
    expect(['claude-*', 'openai/*', '*', 'my-model'].every(isPattern)).toBe(true);
    expect(['a*b', 'two words', '', '<b>'].some(isPattern)).toBe(false);
  });
});

describe('a search', () => {
  it('wants all words, in names and in what stands beside', () => {
    expect(found(CHOICES, 'openai mini').map((choice) => choice.label)).toEqual(['gpt-4o-mini']);
    expect(found(CHOICES, 'SONNET')).toHaveLength(1);
    expect(found(CHOICES, 'gpt-4*')).toHaveLength(2);
    expect(found(CHOICES, 'pt-4*')).toHaveLength(0);
    expect(found(CHOICES, '  ')).toHaveLength(4);
  });

  it('leaves groups with their members, in the order of the alphabet', () => {
    expect(shown(rowsOf(CHOICES, 'gpt', [], false))).toEqual([
      'group openai',
      'openai/gpt-4o',
      'openai/gpt-4o-mini',
    ]);
    expect(shown(rowsOf(CHOICES, '', [], false))[0]).toBe('group anthropic');
  });

  it('offers what was typed as a pattern where patterns are allowed', () => {
    expect(shown(rowsOf(CHOICES, 'claude-*', [], true))[0]).toBe('free claude-*');
    expect(shown(rowsOf(CHOICES, 'openai/', [], true))[0]).toBe('free openai/*');
    expect(shown(rowsOf(CHOICES, 'gpt-4', [], true)).slice(-2)).toEqual(['free gpt-4*', 'free gpt-4']);
    expect(shown(rowsOf(CHOICES, 'my-own', [], true))).toEqual(['free my-own']);
    expect(rowsOf(CHOICES, 'my-own', [], false)).toEqual([]);
  });

  it('does not offer twice what is on the list or chosen', () => {
    expect(shown(rowsOf(CHOICES, 'gpt-4o-mini', [], true))).not.toContain('free gpt-4o-mini');
    expect(shown(rowsOf(CHOICES, 'claude-*', ['claude-*'], true))).not.toContain('free claude-*');
  });

  it('puts the eye on the first thing, not on its group', () => {
    expect(firstOf(rowsOf(CHOICES, 'mini', [], false), 'mini')).toBe(1);
    expect(firstOf(rowsOf(CHOICES, '', [], false), '')).toBe(0);
    expect(firstOf([], 'x')).toBe(-1);
  });
});

describe('choosing', () => {
  it('takes one and gives it back, whatever its case', () => {
    const rows = rowsOf(CHOICES, '', ['OpenAI/GPT-4o'], false);
    expect(chosenAfter(rowOf(rows, 'openai/gpt-4o'), ['OpenAI/GPT-4o'])).toEqual([]);
    expect(chosenAfter(rowOf(rows, 'openai/gpt-4o-mini'), [])).toEqual(['openai/gpt-4o-mini']);
  });

  it('takes all of a group that the search left, and only those', () => {
    const few = rowsOf(CHOICES, 'mini', ['openai/gpt-4o'], false);
    expect(chosenAfter(rowOf(few, 'group openai'), ['openai/gpt-4o'])).toEqual([
      'openai/gpt-4o',
      'openai/gpt-4o-mini',
    ]);
    const both = ['openai/gpt-4o', 'openai/gpt-4o-mini'];
    expect(chosenAfter(rowOf(rowsOf(CHOICES, 'mini', both, false), 'group openai'), both)).toEqual([
      'openai/gpt-4o',
    ]);
  });

  it('says which pattern has a model already', () => {
    expect(rowOf(rowsOf(CHOICES, '', ['openai/*'], true), 'openai/gpt-4o')).toMatchObject({
      chosen: false,
      by: 'openai/*',
    });
  });
});
