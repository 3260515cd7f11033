/** Requests to the API. Shapes come from the committed OpenAPI; refusals are thrown as `Problem`. */

import createClient, { type Middleware } from 'openapi-fetch';
import { problemOf, unreachable } from './problem';
import type { components, paths } from './schema';

export type Schemas = components['schemas'];

const READING = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Of the session in the cookie; goes along with every write. Never stored: GET /v1/me tells it anew. */
let csrfToken: string | null = null;

export function rememberCsrfToken(token: string | null): void {
  csrfToken = token;
}

const writesBringTheToken: Middleware = {
  onRequest({ request }) {
    if (csrfToken !== null && !READING.has(request.method)) request.headers.set('X-CSRF-Token', csrfToken);
    return request;
  },
};

export const api = createClient<paths>({ baseUrl: window.location.origin, credentials: 'same-origin' });
api.use(writesBringTheToken);

type Answer<T> = { data?: T; error?: unknown; response: Response };

/** The body of an answer that went well; throws `Problem` otherwise. */
export async function take<T>(answer: Promise<Answer<T>>): Promise<T> {
  let taken: Answer<T>;
  try {
    taken = await answer;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw unreachable();
  }
  if (!taken.response.ok) throw problemOf(taken.response, taken.error);
  return taken.data as T;
}
