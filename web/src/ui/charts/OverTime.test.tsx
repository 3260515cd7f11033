import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { show } from '@/ui/testing';
import { OverTime } from './OverTime';
import type { Series } from './series';

const SERIES: Series = {
  times: ['2026-05-01T00:00:00Z', '2026-05-02T00:00:00Z'],
  step: 'day',
  unit: 'nano_usd',
  lines: [
    { id: 'a', name: '<b>gpt-4.1</b>', points: [1_500_000_000, 0] },
    { id: 'b', name: 'o4-mini', points: [null, 1] },
  ],
};

describe('a chart over time', () => {
  it('is a picture with a summary', () => {
    show(<OverTime label="Spend by model" series={SERIES} />);
    expect(screen.getByRole('img').getAttribute('aria-label')).toContain('Spend by model: $1.50 in all.');
  });

  it('is a table too, with every value exact and the newest first', () => {
    show(<OverTime label="Spend by model" series={SERIES} shape="table" />);
    const rows = within(screen.getByRole('table', { name: 'Spend by model' })).getAllByRole('row');
    expect(rows.map((row) => row.textContent)).toEqual([
      'Time<b>gpt-4.1</b>o4-mini',
      expect.stringMatching(/2.*\$0\.000000000\$0\.000000001$/),
      expect.stringMatching(/1.*\$1\.500000000–$/),
    ]);
  });

  it('has a legend that hides a line and shows it again', async () => {
    show(<OverTime label="Spend by model" series={SERIES} grouped />);
    const entry = screen.getByRole('button', { name: 'o4-mini' });
    await userEvent.click(entry);
    expect(entry.getAttribute('aria-pressed')).toBe('false');
    await userEvent.click(entry);
    expect(entry.getAttribute('aria-pressed')).toBe('true');
  });

  it('says when there is nothing, and keeps its place while nothing is known', () => {
    show(<OverTime label="Calls" series={{ ...SERIES, lines: [] }} />);
    expect(screen.getByText('Nothing in this time')).toBeTruthy();
    show(<OverTime label="Tokens" series={undefined} />);
    expect(screen.getByRole('status', { name: 'Loading: Tokens' })).toBeTruthy();
  });
});
