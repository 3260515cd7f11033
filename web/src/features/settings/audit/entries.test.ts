import { describe, expect, it } from 'vitest';
import {
  actionOf,
  asWritten,
  differences,
  exportAddress,
  inShort,
  type Line,
  nameOf,
  queryOf,
} from './entries';

const LINE: Line = {
  id: 1,
  at: '2026-11-26T10:00:00Z',
  actor: 'u',
  actor_email: 'ann@example.com',
  action: 'key.update',
  subject: 'abc',
  before: { budget_usd: '10.0000', allowed_models: [], disabled: false },
  after: { budget_usd: '20.0000', allowed_models: ['openai/*', 'gpt-4o'], disabled: false },
  address: null,
};

describe('what a line of the audit log changed', () => {
  it('has only what is different', () => {
    expect(differences(LINE.before, LINE.after)).toEqual([
      { name: 'Budget', before: '10.0000', after: '20.0000' },
      { name: 'Allowed models', before: 'none', after: 'openai/*\ngpt-4o' },
    ]);
  });

  it('has one side where something was made or deleted', () => {
    expect(differences(null, { name: 'X' })).toEqual([{ name: 'Name', before: null, after: 'X' }]);
    expect(differences({ name: 'X' }, null)).toEqual([{ name: 'Name', before: 'X', after: null }]);
    expect(differences(null, null)).toEqual([]);
  });

  it('fits into a line of the list', () => {
    expect(inShort(LINE)).toBe('Budget: 10.0000 → 20.0000; Allowed models: none → openai/*, gpt-4o');
  });

  it('shows markup as the text that it is', () => {
    expect(asWritten('<img src=x onerror=alert(1)>')).toBe('<img src=x onerror=alert(1)>');
  });
});

describe('words of the audit log', () => {
  it('reads as people write', () => {
    expect(actionOf('limit.end_raise')).toBe('Budget: end raise');
    expect(actionOf('provider_key.set')).toBe('Provider key: set');
    expect(nameOf('expires_at')).toBe('Expires at');
    expect(asWritten(true)).toBe('yes');
    expect(asWritten(null)).toBeNull();
  });
});

describe('the filters', () => {
  it('takes whole days, the last one included', () => {
    const { since, until } = queryOf({ from: '2026-11-26', to: '2026-11-26' });
    expect(new Date(until ?? '').getTime() - new Date(since ?? '').getTime()).toBe(86_400_000);
  });

  it('exports what the list shows', () => {
    expect(exportAddress({ action: 'key', subject: 'a&b' }, 'csv')).toBe(
      '/v1/audit/export?action=key&subject=a%26b&format=csv',
    );
  });
});
