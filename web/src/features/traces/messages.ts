/** Prompts and answers as a conversation, out of what spans keep of them. Pure; whatever cannot be read stays a text.
 *
 *  Known: the GenAI conventions (`gen_ai.input.messages`), their older form and OpenInference's, where each field of each
 *  message is an attribute, and JSON as OpenAI's and Anthropic's APIs have it. */

import { textOf } from './attributes';
import { FLAT, INPUTS, OUTPUTS } from './contentNames';
import { loosely } from './cutJson';

export type Part =
  | { kind: 'text' | 'reasoning'; text: string }
  | { kind: 'call'; name: string; id: string | null; text: string }
  | { kind: 'result'; id: string | null; text: string }
  | { kind: 'other'; type: string; text: string };
export type Message = { role: string; parts: Part[]; finish: string | null };
/** `cut`: longer than is kept, so its end is missing. */
export type Conversation = { messages: Message[]; cut: boolean };

type Json = Record<string, unknown>;

const OBSERVED = [
  ['langfuse.observation.input', 'user'],
  ['traceloop.entity.input', 'input'],
  ['gen_ai.tool.call.arguments', 'arguments'],
  ['langfuse.observation.output', 'assistant'],
  ['traceloop.entity.output', 'output'],
  ['gen_ai.tool.call.result', 'result'],
] as const;
export function conversationOf(attributes: Json): Conversation {
  const names: string[] = [];
  const first = (known: readonly string[], role: string): Message[] => {
    const name = known.find((each) => attributes[each] !== undefined);
    if (name === undefined) return [];
    names.push(name);
    return messagesOf(attributes[name], role);
  };
  const system = first(['gen_ai.system_instructions'], 'system');
  const input = first(INPUTS, 'user');
  const output = first(OUTPUTS, 'assistant');
  const flat = flatMessages(attributes);
  const messages = [...system, ...(flat.input.length > 0 ? flat.input : input)];
  messages.push(...(flat.output.length > 0 ? flat.output : output));
  if (messages.length === 0) {
    for (const [name, role] of OBSERVED) messages.push(...first([name], role));
  }
  const cut = names.some((name) => attributes[`${name}.truncated`] === true);
  return { messages: messages.filter((message) => message.parts.length > 0), cut };
}

function messagesOf(value: unknown, role: string): Message[] {
  const parsed = typeof value === 'string' ? loosely(value) : value;
  if (Array.isArray(parsed)) {
    // Instructions are parts without a message around them.
    const whole = parsed.some((each) => isJson(each) && ('role' in each || 'parts' in each));
    return whole
      ? parsed.map((each) => messageOf(each, role))
      : [{ role, parts: parsed.flatMap(partsOf), finish: null }];
  }
  if (isJson(parsed)) {
    if (Array.isArray(parsed.messages)) return parsed.messages.map((each) => messageOf(each, role));
    if ('role' in parsed || 'parts' in parsed || 'content' in parsed) return [messageOf(parsed, role)];
    return [{ role, parts: [{ kind: 'text', text: pretty(parsed) }], finish: null }];
  }
  const text = textOf(parsed ?? value);
  return text === '' ? [] : [{ role, parts: [{ kind: 'text', text }], finish: null }];
}

function messageOf(value: unknown, usual: string): Message {
  if (!isJson(value)) return { role: usual, parts: partsOf(value), finish: null };
  const role = textAt(value, 'role') ?? usual;
  const parts = partsOf(value.parts ?? value.content);
  if (role === 'tool' && value.parts === undefined) {
    const id = textAt(value, 'tool_call_id');
    return { role, parts: parts.map((part) => ({ kind: 'result', id, text: part.text })), finish: null };
  }
  if (Array.isArray(value.tool_calls)) parts.push(...value.tool_calls.map(callOf));
  return { role, parts, finish: textAt(value, 'finish_reason') };
}

function partsOf(value: unknown): Part[] {
  if (value === undefined || value === null || value === '') return [];
  if (Array.isArray(value)) return value.flatMap(partsOf);
  if (!isJson(value)) return [{ kind: 'text', text: textOf(value) }];
  const type = textAt(value, 'type') ?? 'text';
  switch (type) {
    case 'text':
    case 'input_text':
    case 'output_text':
      return [{ kind: 'text', text: shown(value.content ?? value.text ?? value) }];
    case 'reasoning':
    case 'thinking':
      return [{ kind: 'reasoning', text: shown(value.content ?? value.thinking ?? value.text ?? value) }];
    case 'tool_call':
    case 'tool_use':
    case 'function':
    case 'tool-call':
      return [callOf(value)];
    case 'tool_call_response':
    case 'tool_result':
    case 'tool-result': {
      const said = value.response ?? value.result ?? value.content ?? value.output ?? '';
      return [{ kind: 'result', id: idOf(value), text: shown(said) }];
    }
    default:
      return [{ kind: 'other', type, text: pretty(value) }];
  }
}

function callOf(value: unknown): Part {
  if (!isJson(value)) return { kind: 'call', name: 'tool', id: null, text: textOf(value) };
  const inner = isJson(value.function) ? value.function : value;
  const given = inner.arguments ?? inner.input ?? inner.args ?? {};
  const name = textAt(inner, 'name') ?? textAt(inner, 'toolName') ?? 'tool';
  return { kind: 'call', name, id: idOf(value), text: shown(given) };
}

function idOf(value: Json): string | null {
  return (
    textAt(value, 'id') ??
    textAt(value, 'tool_call_id') ??
    textAt(value, 'tool_use_id') ??
    textAt(value, 'toolCallId')
  );
}

/** `gen_ai.prompt.0.content` and the like, put together again. */
function flatMessages(attributes: Json): { input: Message[]; output: Message[] } {
  const found = { input: new Map<number, Json>(), output: new Map<number, Json>() };
  for (const [name, value] of Object.entries(attributes)) {
    const [, stem, index, field] = FLAT.exec(name) ?? [];
    if (stem === undefined || index === undefined || field === undefined) continue;
    const side = /prompt|input/.test(stem) ? found.input : found.output;
    const message = side.get(Number(index)) ?? {};
    side.set(Number(index), { ...message, [field]: value });
  }
  const told = (side: Map<number, Json>, role: string) =>
    [...side].sort(([a], [b]) => a - b).map(([, fields]) => flatMessage(fields, role));
  return { input: told(found.input, 'user'), output: told(found.output, 'assistant') };
}

function flatMessage(fields: Json, usual: string): Message {
  const parts: Part[] = [];
  if (fields.content !== undefined && fields.content !== '') parts.push(...partsOf(jsonOr(fields.content)));
  for (let n = 0; n < 100; n++) {
    const name = fields[`tool_calls.${n}.name`] ?? fields[`tool_calls.${n}.tool_call.function.name`];
    if (name === undefined) break;
    const given =
      fields[`tool_calls.${n}.arguments`] ?? fields[`tool_calls.${n}.tool_call.function.arguments`];
    const id = fields[`tool_calls.${n}.id`] ?? fields[`tool_calls.${n}.tool_call.id`];
    parts.push({
      kind: 'call',
      name: textOf(name),
      id: id === undefined ? null : textOf(id),
      text: shown(given ?? ''),
    });
  }
  return { role: textAt(fields, 'role') ?? usual, parts, finish: textAt(fields, 'finish_reason') };
}

/** A list of parts in a text becomes one; any other text stays as it is. */
function jsonOr(value: unknown): unknown {
  if (typeof value !== 'string' || !value.startsWith('[{')) return value;
  const parsed = loosely(value);
  return Array.isArray(parsed) ? parsed : value;
}

/** Objects, and texts that are JSON objects, with line breaks; other texts as they are. */
function shown(value: unknown): string {
  if (typeof value !== 'string') return isJson(value) || Array.isArray(value) ? pretty(value) : textOf(value);
  if (!/^\s*[{[]/.test(value)) return value;
  try {
    return pretty(JSON.parse(value));
  } catch {
    return value;
  }
}

function pretty(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textAt(value: Json, name: string): string | null {
  const found = value[name];
  return typeof found === 'string' && found !== '' ? found : null;
}
