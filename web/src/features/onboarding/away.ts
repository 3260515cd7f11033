/** Whether somebody has put the first steps away, or needs them no more: remembered by this browser. */

const name = (userId: string) => `tollhouse-first-steps-${userId}`;

export function isPutAway(userId: string): boolean {
  try {
    return window.localStorage.getItem(name(userId)) !== null;
  } catch {
    return false; // storage is switched off: then they come back with the next visit
  }
}

export function putAway(userId: string): void {
  try {
    window.localStorage.setItem(name(userId), 'away');
  } catch {
    // As above.
  }
}
