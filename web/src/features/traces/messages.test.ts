import { describe, expect, it } from 'vitest';
import { groupsOf } from './attributes';
import { loosely } from './cutJson';
import { foldedAt } from './folding';
import { conversationOf } from './messages';

const XSS = '<script>alert(1)</script>';
const told = (attributes: Record<string, unknown>) =>
  conversationOf(attributes).messages.map(
    (message) => `${message.role}: ${message.parts.map((part) => `${part.kind} ${part.text}`).join(' | ')}`,
  );

describe('a conversation', () => {
  it('is read from the conventions', () => {
    const attributes = {
      'gen_ai.system_instructions': JSON.stringify([{ type: 'text', content: 'Be brief.' }]),
      'gen_ai.input.messages': JSON.stringify([
        { role: 'user', parts: [{ type: 'text', content: XSS }] },
        { role: 'assistant', parts: [{ type: 'tool_call', id: 'c1', name: 'find', arguments: { q: 1 } }] },
        { role: 'tool', parts: [{ type: 'tool_call_response', id: 'c1', response: 'none' }] },
      ]),
      'gen_ai.output.messages': JSON.stringify([
        {
          role: 'assistant',
          parts: [
            { type: 'reasoning', content: 'hm' },
            { type: 'text', content: 'No.' },
          ],
          finish_reason: 'stop',
        },
      ]),
    };
    expect(told(attributes)).toEqual([
      'system: text Be brief.',
      `user: text ${XSS}`,
      'assistant: call {\n  "q": 1\n}',
      'tool: result none',
      'assistant: reasoning hm | text No.',
    ]);
    expect(conversationOf(attributes).messages[4]?.finish).toBe('stop');
  });

  it('is read from attributes of each field', () => {
    expect(
      told({
        'gen_ai.prompt.0.role': 'system',
        'gen_ai.prompt.0.content': 'Be kind.',
        'gen_ai.prompt.10.role': 'user',
        'gen_ai.prompt.10.content': 'Later',
        'gen_ai.prompt.2.content': 'Hello',
        'gen_ai.completion.0.role': 'assistant',
        'gen_ai.completion.0.tool_calls.0.name': 'find',
        'gen_ai.completion.0.tool_calls.0.arguments': '{"q":1}',
      }),
    ).toEqual([
      'system: text Be kind.',
      'user: text Hello',
      'user: text Later',
      'assistant: call {\n  "q": 1\n}',
    ]);
    expect(
      told({
        'llm.input_messages.0.message.role': 'user',
        'llm.input_messages.0.message.content': 'Hi',
        'llm.output_messages.0.message.tool_calls.0.tool_call.function.name': 'f',
      }),
    ).toEqual(['user: text Hi', 'assistant: call ']);
  });

  it('is read from JSON as providers have it', () => {
    const messages = [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'See' },
          { type: 'image_url', image_url: { url: 'x' } },
        ],
      },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'c', function: { name: 'f', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'c', content: 'done' },
    ];
    const lines = told({ 'input.value': JSON.stringify({ messages }), 'output.value': 'plain' });
    expect(lines[0]).toContain('user: text See | other {');
    expect(lines.slice(1)).toEqual(['assistant: call {}', 'tool: result done', 'assistant: text plain']);
  });

  it('is read as far as it was kept', () => {
    const whole = JSON.stringify([
      { role: 'user', parts: [{ type: 'text', content: 'first' }] },
      { role: 'user', parts: [{ type: 'text', content: 'second one' }] },
    ]);
    const found = conversationOf({
      'gen_ai.input.messages': whole.slice(0, -12),
      'gen_ai.input.messages.truncated': true,
    });
    expect(found.cut).toBe(true);
    expect(found.messages.map((message) => message.parts[0]?.text)).toEqual(['first', 'sec…']);
  });

  it('never fails on what is not one', () => {
    for (const odd of [
      '',
      '[',
      '[null, 1, {"role": 5}]',
      '{"a":',
      'null',
      7,
      true,
      '"',
      '[[[]]]',
      {},
      ['a'],
      '}{',
    ]) {
      expect(() => conversationOf({ 'gen_ai.input.messages': odd }), String(odd)).not.toThrow();
    }
    expect(conversationOf({}).messages).toEqual([]);
    expect(told({ 'gen_ai.input.messages': 'just words' })).toEqual(['user: text just words']);
  });
});

describe('JSON that was cut', () => {
  it('is closed wherever it ends', () => {
    const whole = JSON.stringify([{ a: 'x\\"y', b: [1, { c: null }], d: 'ü€' }, { e: true }]);
    for (let end = 1; end <= whole.length; end++) {
      expect(() => loosely(whole.slice(0, end))).not.toThrow();
    }
    expect(loosely('{"a": [1, {"b": "c')).toEqual({ a: [1, { b: 'c…' }] });
    expect(loosely('[{"a": 1}, {"b":')).toEqual([{ a: 1 }]);
    expect(loosely('plain')).toBeUndefined();
    expect(loosely('['.repeat(8_000))).toBeUndefined();
  });
});

describe('attributes', () => {
  const attributes = {
    'gen_ai.request.model': 'o3',
    'http.response.status_code': 200,
    'tollhouse.call.id': 'c1',
    [XSS]: XSS,
    long: 'a'.repeat(8_192),
    'long.truncated': true,
    list: ['a', 1],
    'gen_ai.input.messages': '[]',
  };

  it('stand in groups, by name', () => {
    expect(
      groupsOf(attributes).map((group) => [group.name, group.entries.map((entry) => entry.name)]),
    ).toEqual([
      ['GenAI', ['gen_ai.request.model']],
      ['Tollhouse', ['tollhouse.call.id']],
      ['HTTP', ['http.response.status_code']],
      ['Other', [XSS, 'list', 'long']],
      ['Content', ['gen_ai.input.messages']],
    ]);
  });

  it('are texts, and say when they were cut', () => {
    const other = groupsOf(attributes).at(-2)?.entries;
    expect(other?.[1]).toEqual({ name: 'list', value: '["a",1]', cut: false });
    expect(other?.[2]?.cut).toBe(true);
  });

  it('are found by name or value', () => {
    expect(groupsOf(attributes, 'STATUS').flatMap((group) => group.entries)).toHaveLength(1);
    expect(groupsOf(attributes, '"a"').flatMap((group) => group.entries)).toHaveLength(1);
    expect(groupsOf(attributes, 'nothing')).toEqual([]);
  });
});

describe('long texts', () => {
  it('are folded by letters and by lines, never within one sign', () => {
    expect(foldedAt('short')).toBeNull();
    expect(foldedAt('a'.repeat(800))).toBeNull();
    expect(foldedAt('a'.repeat(5_000))).toBe(700);
    expect(foldedAt('line\n'.repeat(200))).toBe(69);
    expect(foldedAt(`${'a'.repeat(699)}😀${'a'.repeat(900)}`)).toBe(699);
  });
});
