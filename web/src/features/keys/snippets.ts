/** A first call, ready to paste. Pure. */

import { allows } from '@/ui/select/choices';

const PREFERRED = ['openai/gpt-4o-mini', 'openai/gpt-4o'];
const USUAL = 'gpt-4o-mini';

/** A model that the key may call, to show in an example. */
export function exampleModel(allowed: readonly string[], all: readonly string[]): string {
  if (allowed.length === 0) return USUAL;
  const may = (model: string) => allowed.some((pattern) => allows(pattern, model));
  const preferred = PREFERRED.find(may);
  if (preferred !== undefined) return preferred.replace('openai/', '');
  const exact = allowed.find((pattern) => !pattern.endsWith('*'));
  if (exact !== undefined) return exact;
  // `openai/*` also means models of that name elsewhere; its own come first.
  const beginning = (allowed[0] ?? '').slice(0, -1).toLowerCase();
  return all.find((model) => model.startsWith(beginning)) ?? all.find(may) ?? USUAL;
}

export function curlSnippet(origin: string, rawKey: string, model: string): string {
  return `curl ${origin}/v1/ai/chat/completions \\
  -H 'Authorization: Bearer ${rawKey}' \\
  -H 'Content-Type: application/json' \\
  -d '{"model": "${model}",
       "messages": [{"role": "user", "content": "Hello!"}]}'`;
}

export function pythonSnippet(origin: string, rawKey: string, model: string): string {
  return `from openai import OpenAI

client = OpenAI(base_url="${origin}/v1/ai", api_key="${rawKey}")
answer = client.chat.completions.create(
    model="${model}",
    messages=[{"role": "user", "content": "Hello!"}],
)
print(answer.choices[0].message.content)`;
}
