/** What the API says when it refuses, and what to show of it. */

type Envelope = { error: { message: string; code: string | null; param: string | null } };

/** `status` 0: there was no answer at all. `param`: the field of the body that is at fault. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly code: string | null = null,
    readonly param: string | null = null,
    readonly retryAfterS: number | null = null,
  ) {
    super(message);
    this.name = 'Problem';
  }

  /** Asking again may help: nobody answered, or the house says that it is only for now. */
  get passes(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export function unreachable(): Problem {
  return new Problem(0, 'Tollhouse does not answer. Check the connection; this page tries again by itself.');
}

function isEnvelope(value: unknown): value is Envelope {
  return typeof value === 'object' && value !== null && 'error' in value && typeof value.error === 'object';
}

export function problemOf(response: Response, body: unknown): Problem {
  const wait = Number(response.headers.get('retry-after'));
  const retryAfterS = Number.isFinite(wait) && wait > 0 ? wait : null;
  if (isEnvelope(body)) {
    const { message, code, param } = body.error;
    return new Problem(response.status, sentence(message), code, param, retryAfterS);
  }
  const message = `Tollhouse answered with status ${response.status} and no explanation. Try again in a moment.`;
  return new Problem(response.status, message, null, null, retryAfterS);
}

/** The API's messages may begin small and end without a full stop. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  if (trimmed === '') return trimmed;
  const first = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}

/** What to say of anything that was thrown. */
export function told(error: unknown): string {
  return error instanceof Problem
    ? error.message
    : 'Something in this page went wrong. Reload it and try again.';
}
