/** What a span is, as far as people tell apart: it decides its colour. Pure. */

import type { Span } from './tree';

export const KINDS = ['call', 'agent', 'tool', 'retrieval', 'request', 'database', 'step'] as const;
export type Kind = (typeof KINDS)[number];

export const KIND_NAMES: Record<Kind, string> = {
  call: 'Model call',
  agent: 'Agent',
  tool: 'Tool',
  retrieval: 'Retrieval',
  request: 'Request',
  database: 'Database',
  step: 'Step',
};

/** Names say it where nothing else does. The first that fits. */
const LONGEST_NAME = 200;
const BY_NAME: readonly [Kind, RegExp][] = [
  ['tool', /^(execute_tool|tool[ .:_])|[._ ]tool$|toolCall|claude_code\.tool/i],
  ['agent', /^(invoke_agent|create_agent|invoke_workflow|agent[ .:_])|[._ ](agent|workflow|crew)$/i],
  ['retrieval', /retriev|rerank|vector|similarity/i],
  [
    'database',
    /^(SELECT|INSERT|UPDATE|DELETE|UPSERT|MERGE|BEGIN|COMMIT)\b|^(redis|postgres|mysql|mongo|sqlite)/,
  ],
  ['request', /^(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|HTTP)\b/],
];

/** What instrumentations say themselves, by the attributes that a tree comes with. */
const BY_WORD: readonly [Kind, RegExp][] = [
  ['tool', /^(execute_tool|tool)$/i],
  ['agent', /^(invoke_agent|create_agent|invoke_workflow|agent|workflow)$/i],
  ['retrieval', /^(retriever|retrieval|reranker|embeddings?)$/i],
];
const WORDS = [
  'gen_ai.operation.name',
  'openinference.span.kind',
  'traceloop.span.kind',
  'langfuse.observation.type',
];

const CLIENT = 3;
const SERVER = 2;

export function kindOf(span: Pick<Span, 'counted' | 'name' | 'kind' | 'attributes'>): Kind {
  if (span.counted) return 'call';
  for (const word of WORDS) {
    const said = span.attributes[word];
    const known = typeof said === 'string' ? BY_WORD.find(([, pattern]) => pattern.test(said)) : undefined;
    if (known !== undefined) return known[0];
  }
  if (span.attributes['db.system.name'] !== undefined) return 'database';
  if (span.attributes['http.request.method'] !== undefined) return 'request';
  const named = BY_NAME.find(([, pattern]) => pattern.test(span.name.slice(0, LONGEST_NAME)));
  if (named !== undefined) return named[0];
  return span.kind === CLIENT || span.kind === SERVER ? 'request' : 'step';
}
