/** What may stand in this page's address; anything else is left out. */
export function keysSearch(_given: Record<string, unknown>): Record<string, never> {
  return {};
}
