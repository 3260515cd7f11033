import { Problem, sentence } from '@/api/problem';

/** A try of ours that a receiver did not take, in words: its own, if it had any. */
export function notDelivered(status: number | null, error: string | null): Problem {
  const answered = status === null ? 'there was no answer' : `it answered with ${status}`;
  return new Problem(status ?? 0, sentence(error ?? answered));
}
