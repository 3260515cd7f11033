/** What may stand in this page's address; anything else is left out. */
export function peopleSearch(_given: Record<string, unknown>): Record<string, never> {
  return {};
}
