/** The server lets styles into the page that carry this page's own number; see the Content-Security-Policy. */

import { setNonce } from 'get-nonce';

const given = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? '';
setNonce(given); // for libraries that write styles by themselves

export function nonce(): string {
  return given;
}
