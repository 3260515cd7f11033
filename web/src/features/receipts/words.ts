/** How a call ended and what was booked for it, in plain words. Pure. */

import type { Receipt } from './bill';

type Kind = Receipt['entry']['kind'];

export const KIND_NAMES: Record<Kind, string> = {
  exact: 'Exact',
  estimated: 'Estimated',
  in_doubt: 'In doubt',
};

export const KIND_MEANS: Record<Kind, string> = {
  exact: 'The provider said how many tokens were used, and the price table says what they cost.',
  estimated:
    'The answer was complete but came without a count of tokens. It was estimated from the size of question and answer, and is at most what was held.',
  in_doubt:
    'How the call ended is not known for certain, so all that was held for it is charged: an unknown outcome must not become free spend. An admin can correct it when the true cost is known.',
};

export const ADJUSTED_MEANS =
  'Later a person said what the call really cost, with a reason; the difference is booked as an entry of its own.';

const OUTCOMES: Record<string, string> = {
  completed: 'The answer came completely.',
  upstream_error: 'The provider, or Cloudflare on the way to it, answered with an error.',
  stream_broken: 'The answer broke off in the middle.',
  client_left: 'The caller hung up; the answer was read to its end without anybody listening.',
  timeout: 'The provider did not answer in time.',
  lost: 'The process that made the call ended before the outcome was known.',
};

export function outcomeName(outcome: string): string {
  const words = outcome.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function outcomeMeans(outcome: string): string {
  return OUTCOMES[outcome] ?? 'The call did not end as usual.';
}
