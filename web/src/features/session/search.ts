/** What may stand in the sign-in page's address; anything else is left out. */

export type SignInSearch = { return_to?: string; refused?: string };

const OWN_PATH = /^\/(?![/\\])[!-[\]-~]{0,999}$/;
const CODE = /^[a-z_]{1,60}$/;

/** Where on our own pages to go on, however a browser reads it; null for anything else. The API has the same rule. */
export function ownPath(given: unknown): string | null {
  return typeof given === 'string' && OWN_PATH.test(given) && !given.startsWith('/sign-in') ? given : null;
}

/** `refused`: the code with which a sign-in elsewhere came back. */
export function signInSearch(given: Record<string, unknown>): SignInSearch {
  const to = ownPath(given.return_to);
  const { refused } = given;
  return {
    ...(to === null ? {} : { return_to: to }),
    ...(typeof refused === 'string' && CODE.test(refused) ? { refused } : {}),
  };
}
