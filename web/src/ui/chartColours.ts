/** Eight colours that can be told apart, on white and on black; their values stand in `app/global.css`. */

export const CHART_COLOURS: readonly string[] = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => `var(--chart-${n})`);

/** What has no line of its own. */
export const OTHER_COLOUR = 'var(--chart-other)';

/** The place of a name among the colours: always the same, whatever stands beside it. FNV-1a. */
function placeOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  return (hash >>> 16) % CHART_COLOURS.length;
}

function colourAt(place: number): string {
  return CHART_COLOURS[place % CHART_COLOURS.length] ?? OTHER_COLOUR;
}

/** A name has the same colour always. */
export function colourOf(name: string): string {
  return colourAt(placeOf(name));
}

/** Colours of names that stand together, the most important first: each has its own colour, or the next that is free. */
export function coloursOf(names: readonly string[]): string[] {
  const taken = new Set<number>();
  return names.map((name) => {
    let place = placeOf(name);
    if (taken.size >= CHART_COLOURS.length) return colourAt(place);
    while (taken.has(place)) place = (place + 1) % CHART_COLOURS.length;
    taken.add(place);
    return colourAt(place);
  });
}
