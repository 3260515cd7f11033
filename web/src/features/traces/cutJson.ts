/** JSON whose end was cut off, because attributes are kept up to a length only. Pure. */

const DEEPEST = 200;

/** The value of a text that is JSON, or the beginning of some; undefined for any other text. */
export function loosely(text: string): unknown {
  if (!/^\s*[{["]/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return ofCut(text);
  }
}

/** Closes what is open: at the end, or else behind the last value that was whole. */
function ofCut(text: string): unknown {
  const { closers, inString, wholeAt, wholeClosers } = scan(text);
  if (closers.length === 0 || closers.length > DEEPEST) return undefined;
  const open = inString ? `${text.replace(/\\(u[0-9a-fA-F]{0,3})?$/, '')}…"` : text;
  return parsed(open + closed(closers)) ?? parsed(text.slice(0, wholeAt) + closed(wholeClosers));
}

type Scan = { closers: string[]; inString: boolean; wholeAt: number; wholeClosers: string[] };

function scan(text: string): Scan {
  const closers: string[] = [];
  let inString = false;
  let wholeAt = 0;
  let wholeClosers: string[] = [];
  for (let at = 0; at < text.length; at++) {
    const sign = text[at];
    if (inString) {
      if (sign === '\\') at++;
      else if (sign === '"') inString = false;
    } else if (sign === '"') inString = true;
    else if (sign === '{') closers.push('}');
    else if (sign === '[') closers.push(']');
    else if (sign === '}' || sign === ']') {
      if (closers.pop() !== sign) return { closers: [], inString: false, wholeAt: 0, wholeClosers: [] };
      wholeAt = at + 1;
      wholeClosers = closers.slice(-DEEPEST);
    }
  }
  return { closers, inString, wholeAt, wholeClosers };
}

function closed(closers: readonly string[]): string {
  return [...closers].reverse().join('');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
