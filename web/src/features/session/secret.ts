/** The secret behind the `#` of a link: taken out of the address at once, so that it stays in no history. */

import { useEffect, useState } from 'react';

/** null: the address has none. */
export function takeSecret(): string | null {
  const { hash, pathname, search } = window.location;
  const secret = new URLSearchParams(hash.slice(1)).get('token');
  if (hash !== '') window.history.replaceState(window.history.state, '', pathname + search);
  return secret === null || secret === '' ? null : secret;
}

/** Held by the page that shows it, and gone with it. Another link that is opened in this tab takes its place. */
export function useSecret(): string | null {
  const [secret, setSecret] = useState(takeSecret);
  useEffect(() => {
    function another() {
      const next = takeSecret();
      if (next !== null) setSecret(next);
    }
    window.addEventListener('hashchange', another);
    return () => window.removeEventListener('hashchange', another);
  }, []);
  return secret;
}
