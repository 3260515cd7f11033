import { describe, expect, it } from 'vitest';
import { find, sectionsFor } from './sections';

describe('who sees which settings', () => {
  it('shows members what is theirs', () => {
    expect(sectionsFor('member').map((section) => section.id)).toEqual(['account', 'tokens', 'otlp']);
  });

  it('shows managers what they may look at, admins everything', () => {
    expect(sectionsFor('manager').map((section) => section.id)).toContain('ledger');
    expect(sectionsFor('manager').map((section) => section.id)).not.toContain('audit');
    expect(sectionsFor('admin')).toHaveLength(10);
  });

  it('tells a closed section from an unknown one', () => {
    expect(find('audit', 'member').kind).toBe('closed');
    expect(find('nonsense', 'admin').kind).toBe('unknown');
    expect(find('audit', 'admin').kind).toBe('shown');
  });
});
