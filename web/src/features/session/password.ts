/** What the API asks of a new password; see control/shapes.py. */

export const LEAST_CHARACTERS = 12;
const MOST_CHARACTERS = 1024;

/** Characters as the API counts them, not as JavaScript does. */
function characters(password: string): number {
  return [...password].length;
}

/** How many characters are missing. */
export function rest(password: string): number {
  return Math.max(0, LEAST_CHARACTERS - characters(password));
}

/** null: it will do. */
export function fault(password: string): string | null {
  if (password === '') return 'Choose a password.';
  if (rest(password) > 0) return `Use at least ${LEAST_CHARACTERS} characters.`;
  return characters(password) > MOST_CHARACTERS ? `Use at most ${MOST_CHARACTERS} characters.` : null;
}
