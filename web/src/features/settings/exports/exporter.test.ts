import { describe, expect, it } from 'vitest';
import { bodyOf, type Exporter, formOf, healthOf, newHeader, problemsOf } from './exporter';

const BEFORE: Exporter = {
  id: 'x',
  name: 'Collector',
  url: 'https://otlp.example.com/v1/traces',
  header_names: ['Authorization'],
  encoding: 'protobuf',
  compression: 'gzip',
  enabled: true,
  include_content: false,
  created_at: '2026-11-01T00:00:00Z',
  changed_at: '2026-11-01T00:00:00Z',
  created_by: null,
  progress: {
    last_success_at: null,
    last_failure_at: null,
    last_status: null,
    last_error: null,
    failures: 0,
    next_try_at: '2026-11-01T00:00:00Z',
    queued: 0,
    oldest_queued_at: null,
    sent: 0,
    refused: 0,
    skipped: 0,
  },
};

describe('an exporter as a form', () => {
  it('leaves stored headers alone unless they are replaced', () => {
    expect(bodyOf(formOf(BEFORE))).not.toHaveProperty('headers');
    expect(bodyOf({ ...formOf(BEFORE), replaceHeaders: true }).headers).toEqual({});
  });

  it('leaves empty headers out', () => {
    const form = { ...formOf(null), headers: [newHeader(), { ...newHeader('X-Key'), value: ' 1 ' }] };
    expect(bodyOf(form).headers).toEqual({ 'X-Key': '1' });
  });

  it('asks for the headers anew when the host is another', () => {
    const moved = { ...formOf(BEFORE), url: 'https://elsewhere.example.com/v1/traces' };
    expect(problemsOf(moved, BEFORE)).toHaveProperty('url');
    expect(problemsOf({ ...moved, replaceHeaders: true }, BEFORE)).toEqual({});
    expect(problemsOf({ ...moved, url: 'https://otlp.example.com/other' }, BEFORE)).toEqual({});
  });

  it('refuses headers that are none, or twice there', () => {
    const headers = [
      { ...newHeader('Authorization'), value: 'a' },
      { ...newHeader('authorization'), value: 'b' },
      { ...newHeader('a b'), value: 'c' },
    ];
    expect(Object.keys(problemsOf({ ...formOf(null), name: 'n', url: BEFORE.url, headers }, null))).toEqual([
      'headers.1.name',
      'headers.2.name',
    ]);
  });

  it('says how it goes', () => {
    expect(healthOf({ ...BEFORE, enabled: false }).label).toBe('Off');
    expect(healthOf(BEFORE).label).toBe('Nothing sent yet');
    expect(healthOf({ ...BEFORE, progress: { ...BEFORE.progress, failures: 2 } }).label).toBe('Failing');
  });
});
