import { cleanup, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { afterEach, describe, expect, it } from 'vitest';
import { type Choice, SearchableMultiSelect } from './SearchableMultiSelect';
import { show } from './testing';

const FEW: readonly Choice[] = ['gpt-4o', 'gpt-4o-mini', 'o3'].map((label) => ({
  value: `openai/${label}`,
  label,
  group: 'openai',
  notes: ['$2.50 / $10.00', '128K'],
}));
const MANY: readonly Choice[] = Array.from({ length: 2_000 }, (_, at) => ({
  value: `maker-${at % 20}/model-${at}`,
  label: `model-${at}`,
  group: `maker-${at % 20}`,
}));

function Held({ choices, start = [] }: { choices: readonly Choice[]; start?: readonly string[] }) {
  const [value, setValue] = useState<readonly string[]>(start);
  return (
    <>
      <SearchableMultiSelect
        label="Models"
        things="models"
        choices={choices}
        value={value}
        onChange={setValue}
        free
      />
      <output>{value.join(' ')}</output>
    </>
  );
}

const field = () => screen.getByRole('combobox', { name: 'Models' });
const chosen = () => screen.getByRole('status').textContent;
const list = () => screen.findByRole('listbox', { name: 'Models' });
const active = () => document.getElementById(field().getAttribute('aria-activedescendant') ?? '');

afterEach(cleanup);

describe('SearchableMultiSelect', () => {
  it('is chosen from by keys alone', async () => {
    const user = userEvent.setup();
    show(<Held choices={FEW} />);
    await user.tab();
    await user.keyboard('{ArrowDown}');
    await list();
    expect(field().getAttribute('aria-expanded')).toBe('true');
    await user.keyboard('{ArrowDown}{ArrowDown}{Enter}');
    expect(chosen()).toBe('openai/gpt-4o-mini');
    await user.keyboard('{Home}{Enter}');
    expect(chosen()?.split(' ')).toHaveLength(3);
    await user.keyboard('{End}');
    expect(active()?.textContent).toContain('o3');
    await user.keyboard('{Enter}{Backspace}');
    expect(chosen()?.split(' ')).toHaveLength(1);
    await user.keyboard('{Escape}');
    expect(field().getAttribute('aria-expanded')).toBe('false');
  });

  it('goes to the first model that is found, and takes it with Enter', async () => {
    const user = userEvent.setup();
    show(<Held choices={FEW} />);
    await user.type(field(), 'mini{Enter}');
    await list();
    expect(chosen()).toBe('openai/gpt-4o-mini');
    expect(active()?.getAttribute('aria-selected')).toBe('true');
  });

  it('takes a pattern that is typed', async () => {
    const user = userEvent.setup();
    show(<Held choices={FEW} />);
    await user.type(field(), 'openai/*');
    await list();
    expect(active()?.textContent).toContain('3 models now');
    await user.keyboard('{Enter}');
    expect(chosen()).toBe('openai/*');
    expect(field().getAttribute('value')).toBe('');
  });

  it('keeps only lines in sight in the page, of two thousand', async () => {
    const user = userEvent.setup();
    show(<Held choices={MANY} />);
    await user.click(field());
    const opened = await list();
    expect(opened.getAttribute('aria-multiselectable')).toBe('true');
    const lines = within(opened).getAllByRole('option');
    expect(lines.length).toBeLessThan(60);
    expect(lines[0]?.getAttribute('aria-setsize')).toBe('2020');
  });

  it('hides chips behind a number, and takes one away by its button', async () => {
    const user = userEvent.setup();
    show(<Held choices={MANY} start={MANY.slice(0, 18).map((choice) => choice.value)} />);
    await user.click(screen.getByRole('button', { name: 'Show 12 more that are chosen' }));
    await user.click(screen.getByRole('button', { name: 'Remove maker-17/model-17' }));
    expect(chosen()?.split(' ')).toHaveLength(17);
  });
});
