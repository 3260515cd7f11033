/** A first call to paste. The key itself is not in it: it was shown once and is not ours to repeat. */

export type Language = 'curl' | 'python' | 'javascript';

export const LANGUAGES: readonly { id: Language; label: string }[] = [
  { id: 'curl', label: 'curl' },
  { id: 'python', label: 'Python' },
  { id: 'javascript', label: 'JavaScript' },
];

const USUAL = 'gpt-4o-mini';

/** The first model of the list that is a name and no pattern. */
export function modelFor(allowed: readonly string[]): string {
  return allowed.find((pattern) => !pattern.endsWith('*')) ?? (fits(allowed) ? USUAL : beginning(allowed));
}

function fits(allowed: readonly string[]): boolean {
  return allowed.length === 0 || allowed.some((pattern) => USUAL.startsWith(pattern.slice(0, -1)));
}

function beginning(allowed: readonly string[]): string {
  return `${allowed[0]?.slice(0, -1) ?? ''}…`;
}

export function snippet(language: Language, baseUrl: string, model: string): string {
  return { curl, python, javascript }[language](baseUrl, model);
}

function curl(baseUrl: string, model: string): string {
  return `# your key:
export OPENAI_API_KEY=aig_...

curl ${baseUrl}/chat/completions \\
  -H "Authorization: Bearer $OPENAI_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{"model": "${model}", "messages": [{"role": "user", "content": "Hello!"}]}'`;
}

function python(baseUrl: string, model: string): string {
  return `# pip install openai
# export OPENAI_API_KEY=aig_...
from openai import OpenAI

client = OpenAI(base_url="${baseUrl}")
answer = client.chat.completions.create(
    model="${model}",
    messages=[{"role": "user", "content": "Hello!"}],
)
print(answer.choices[0].message.content)`;
}

function javascript(baseUrl: string, model: string): string {
  return `// npm install openai
// export OPENAI_API_KEY=aig_...
import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${baseUrl}" });
const answer = await client.chat.completions.create({
  model: "${model}",
  messages: [{ role: "user", content: "Hello!" }],
});
console.log(answer.choices[0].message.content);`;
}
