/** Where a long text is cut until somebody wants all of it. Pure. */

const LONG_CHARS = 700;
const LONG_LINES = 14;
/** So little more is shown at once. */
const SPARE_CHARS = 200;

/** How many characters are shown; null: all. Never between the halves of one character. */
export function foldedAt(text: string): number | null {
  let end = Math.min(text.length, LONG_CHARS);
  let line = -1;
  for (let lines = 0; lines < LONG_LINES; lines++) {
    line = text.indexOf('\n', line + 1);
    if (line === -1 || line >= end) break;
    if (lines === LONG_LINES - 1) end = line;
  }
  if (text.length - end <= SPARE_CHARS && line === -1) return null;
  if (end >= text.length) return null;
  const code = text.charCodeAt(end - 1);
  return code >= 0xd800 && code <= 0xdbff ? end - 1 : end;
}
