/** The attributes that hold prompts and answers. Pure. */

export const INPUTS = [
  'gen_ai.input.messages',
  'gen_ai.prompt',
  'ai.prompt.messages',
  'input.value',
  'ai.prompt',
];
export const OUTPUTS = ['gen_ai.output.messages', 'gen_ai.completion', 'ai.response.text', 'output.value'];

/** One field of one message: `gen_ai.prompt.0.content`, `llm.input_messages.0.message.role`. */
export const FLAT =
  /^(gen_ai\.prompt|gen_ai\.completion|llm\.input_messages|llm\.output_messages)\.(\d{1,4})\.(?:message\.)?(.+)$/;

const OTHERS =
  /^(gen_ai\.(system_instructions|tool\.(call\.(arguments|result)|definitions))|langfuse\.observation\.(input|output)|traceloop\.entity\.(input|output))$/;

export function isContent(name: string): boolean {
  return INPUTS.includes(name) || OUTPUTS.includes(name) || FLAT.test(name) || OTHERS.test(name);
}
