import { describe, expect, it } from 'vitest';
import { CHART_COLOURS, colourOf, coloursOf } from './chartColours';

const NAMES = ['gpt-4o', 'gpt-4o-mini', 'claude-sonnet-4-5', 'gemini-2.5-pro', 'o4-mini', 'a', 'b', 'c'];

describe('colours', () => {
  it('of a name are the same always', () => {
    expect(colourOf('gpt-4o')).toBe(colourOf('gpt-4o'));
    expect(coloursOf(['gpt-4o', 'x'])[0]).toBe(colourOf('gpt-4o'));
  });

  it('of eight names are eight', () => {
    expect(new Set(coloursOf(NAMES)).size).toBe(CHART_COLOURS.length);
  });

  it('of many names repeat, and never run out', () => {
    const many = Array.from({ length: 30 }, (_, at) => `name ${at}`);
    expect(coloursOf(many).every((colour) => CHART_COLOURS.includes(colour))).toBe(true);
  });
});
