/** A first call, ready to paste. Pure. */

const PREFERRED = ['gpt-4o-mini', 'gpt-4o'];
const USUAL = 'gpt-4o-mini';

/** A model that the key may call, to show in an example. */
export function exampleModel(allowed: readonly string[], all: readonly string[]): string {
  if (allowed.length === 0) return USUAL;
  const preferred = PREFERRED.find((model) =>
    allowed.some((each) => each === model || each === `openai/${model}`),
  );
  if (preferred !== undefined) return preferred;
  const exact = allowed.find((each) => !each.endsWith('*'));
  if (exact !== undefined) return exact;
  const beginning = (allowed[0] ?? '').slice(0, -1).toLowerCase();
  const fits = (id: string) =>
    id.toLowerCase().startsWith(beginning) || id.slice(id.indexOf('/') + 1).startsWith(beginning);
  return all.find(fits) ?? USUAL;
}

export function curlSnippet(origin: string, rawKey: string, model: string): string {
  return `curl ${origin}/v1/ai/chat/completions \\
  -H 'Authorization: Bearer ${rawKey}' \\
  -H 'Content-Type: application/json' \\
  -d '{"model": "${model}", "messages": [{"role": "user", "content": "Hello!"}]}'`;
}

export function pythonSnippet(origin: string, rawKey: string, model: string): string {
  return `from openai import OpenAI

client = OpenAI(base_url="${origin}/v1/ai", api_key="${rawKey}")
answer = client.chat.completions.create(
    model="${model}", messages=[{"role": "user", "content": "Hello!"}]
)
print(answer.choices[0].message.content)`;
}
