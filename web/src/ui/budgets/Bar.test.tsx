import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, describe, expect, it } from 'vitest';
import { Bar } from './Bar';

afterEach(cleanup);

function widths(spent: string, held: string, of: string | null): string[] {
  render(<Bar spent={spent} held={held} of={of} label="Spent" />);
  return [...screen.getByRole('progressbar').children].map((part) => (part as HTMLElement).style.width);
}

describe('the bar of a budget', () => {
  it.each([
    ['25', '10', '100', ['25%', '10%']],
    ['95', '10', '100', ['95%', '10%']],
    ['250', '0', '100', ['250%']],
    ['0', '0', '0', ['100%', '100%']],
    ['5', '5', null, ['0%']],
  ])('%s spent and %s held of %s', (spent, held, of, shown) => {
    expect(widths(spent, held, of)).toEqual(shown);
  });

  it('says how much is spent, also beyond its end', () => {
    render(<Bar spent="250" of="100" label="Spent" />);
    const bar = screen.getByRole('progressbar', { name: 'Spent' });
    expect([bar.getAttribute('aria-valuenow'), bar.getAttribute('aria-valuetext')]).toEqual(['100', '250%']);
  });
});
