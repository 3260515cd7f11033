/** A trace exporter as a form has it, and as the API takes it. Pure. */

import type { Schemas } from '@/api/client';
import type { DotColour } from '@/ui/Pill';

export type Exporter = Schemas['TraceExporterOut'];

export type HeaderForm = { key: string; name: string; value: string };
export type ExporterForm = {
  name: string;
  url: string;
  headers: HeaderForm[];
  /** Whether stored headers are to be replaced by those above: nobody can see what they are. */
  replaceHeaders: boolean;
  encoding: Exporter['encoding'];
  compression: Exporter['compression'];
  content: boolean;
};

const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/;
const HEADER_VALUE = /^[\x21-\x7e](?:[\x20-\x7e]{0,4094}[\x21-\x7e])?$/;

let made = 0;
export function newHeader(name = ''): HeaderForm {
  made += 1;
  return { key: `header-${made}`, name, value: '' };
}

export function formOf(exporter: Exporter | null): ExporterForm {
  return {
    name: exporter?.name ?? '',
    url: exporter?.url ?? '',
    headers: exporter === null ? [newHeader('Authorization')] : [],
    replaceHeaders: exporter === null,
    encoding: exporter?.encoding ?? 'protobuf',
    compression: exporter?.compression ?? 'gzip',
    content: exporter?.include_content ?? false,
  };
}

function headersOf(form: ExporterForm): Record<string, string> {
  const filled = form.headers.filter(({ name, value }) => name.trim() !== '' || value.trim() !== '');
  return Object.fromEntries(filled.map(({ name, value }) => [name.trim(), value.trim()]));
}

/** All that a new one needs; for one that is there, headers only where they are to be replaced. */
export function bodyOf(form: ExporterForm) {
  return {
    name: form.name.trim(),
    url: form.url.trim(),
    encoding: form.encoding,
    compression: form.compression,
    include_content: form.content,
    ...(form.replaceHeaders ? { headers: headersOf(form) } : {}),
  };
}

export function hostOf(url: string): string | null {
  return URL.canParse(url) ? new URL(url).host : null;
}

/** Stored headers were meant for the former host: another one needs them anew. */
export function needsHeaders(form: ExporterForm, before: Exporter | null): boolean {
  if (before === null || before.header_names.length === 0 || form.replaceHeaders) return false;
  return hostOf(form.url.trim()) !== hostOf(before.url);
}

export function problemsOf(form: ExporterForm, before: Exporter | null): Record<string, string> {
  const found: Record<string, string> = {};
  if (form.name.trim() === '') found.name = 'Say what it is';
  if (hostOf(form.url.trim()) === null || !/^https?:\/\//.test(form.url.trim()))
    found.url = 'The whole address, such as https://otlp.example.com/v1/traces';
  else if (needsHeaders(form, before)) found.url = 'Another host needs the headers anew';
  if (!form.replaceHeaders) return found;
  const seen = new Set<string>();
  form.headers.forEach(({ name, value }, at) => {
    if (name.trim() === '' && value.trim() === '') return;
    if (!HEADER_NAME.test(name.trim())) found[`headers.${at}.name`] = 'The name of a header';
    if (seen.has(name.trim().toLowerCase())) found[`headers.${at}.name`] = 'It is there twice';
    if (!HEADER_VALUE.test(value.trim())) found[`headers.${at}.value`] = '1 to 4,096 printable characters';
    seen.add(name.trim().toLowerCase());
  });
  return found;
}

export type Health = { colour: DotColour; label: string };

export function healthOf(exporter: Exporter): Health {
  const { progress } = exporter;
  if (!exporter.enabled) return { colour: 'gray', label: 'Off' };
  if (progress.failures > 0) return { colour: 'red', label: 'Failing' };
  if (progress.last_success_at === null) return { colour: 'yellow', label: 'Nothing sent yet' };
  return { colour: 'pine', label: 'Sending' };
}
