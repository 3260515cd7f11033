/** What to say when a sign-in at the identity provider came to nothing. The address has only the code. */

const WORDS: Readonly<Record<string, string>> = {
  access_denied: 'The sign-in was cancelled, or your identity provider does not let you in here.',
  email_missing:
    'Your identity provider did not tell us your e-mail address. Ask whoever runs it to share it.',
  email_not_verified:
    'Your identity provider has not verified your e-mail address. Verify it there, then try again.',
  no_single_sign_on: 'There is no single sign-on here. Sign in with your password.',
  other_identity:
    'Your e-mail address belongs to another identity at the provider. An admin can undo that, so that you can come in with this one.',
  provider_failed: 'The identity provider did not do its part. Try again in a moment, or use your password.',
  provider_unreachable:
    'The identity provider cannot be reached. Try again in a moment, or use your password.',
  rate_limited: 'Too many tries from your address. Wait a few minutes, then try again.',
  several_invitations: 'Several invitations are open to you. Follow the link of the one that you want.',
  sign_in_first: 'You have a password here. Sign in with it once, then single sign-on will know you.',
  sign_in_not_begun: 'That sign-in took too long, or began in another browser. Start again.',
  unknown_person: 'Nobody here has your e-mail address. Ask an admin to invite you.',
  user_disabled: 'Your account is disabled. Ask an admin of your organisation.',
};

const OTHERWISE =
  'Signing in at the identity provider did not work. Start again; if it stays so, tell an admin.';

export function refusedWords(code: string): string {
  return Object.hasOwn(WORDS, code) ? (WORDS[code] ?? OTHERWISE) : OTHERWISE;
}
