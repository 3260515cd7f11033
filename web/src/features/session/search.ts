export type SignInSearch = { return_to?: string };

/** `return_to`: where on our own pages to go on; an address elsewhere is left out. */
export function signInSearch(given: Record<string, unknown>): SignInSearch {
  const to = given.return_to;
  return typeof to === 'string' && /^\/(?![/\\])/.test(to) ? { return_to: to } : {};
}
