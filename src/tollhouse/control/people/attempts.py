"""Attempts to sign in at the identity provider. While the browser is away, it keeps its attempt itself, sealed.

We store nothing, so any worker can finish what another one began. The seal is an HMAC under a key that only we can
derive, from the client's secret; what it guards need not be hidden from the person whose browser it is.
"""

import base64
import hashlib
import hmac
import re
import secrets
from datetime import datetime
from typing import Final

import msgspec

from tollhouse.foundation.errors import BadRequest
from tollhouse.foundation.secrets import Secret, same_secret

LIVES_S: Final = 600
_PURPOSE: Final = b"tollhouse: attempts to sign in"
# Visible ASCII without a backslash, which browsers read as a slash; `//host` would leave us.
_OWN_PATH: Final = re.compile(r"/(?!/)[!-\[\]-~]{0,999}")


class Attempt(msgspec.Struct, frozen=True):
    """`state` comes back with the browser, `nonce` in the signed answer, `verifier` (PKCE) never leaves but to us.

    `ends_at`: in seconds since 1970.
    """

    state: str
    nonce: str
    verifier: str
    return_to: str
    ends_at: int


def new_attempt(return_to: str, now: datetime) -> Attempt:
    """`return_to`: where on our own pages to go on afterwards; see `is_own_path`."""
    return Attempt(
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
        return_to=return_to,
        ends_at=int(now.timestamp()) + LIVES_S,
    )


def is_own_path(text: str) -> bool:
    """Whether it is a path on our own origin, however a browser reads it."""
    return _OWN_PATH.fullmatch(text) is not None


class Seal:
    """Closes attempts into text that fits a cookie, and opens only what it closed."""

    def __init__(self, client_secret: Secret) -> None:
        self._key = hmac.new(client_secret.reveal().encode(), _PURPOSE, hashlib.sha256).digest()

    def close(self, attempt: Attempt) -> str:
        body = base64.urlsafe_b64encode(msgspec.json.encode(attempt)).decode()
        return f"{body}.{self._mark(body)}"

    def open(self, sealed: str, now: datetime) -> Attempt:
        """Raises BadRequest for what is missing, too old, or not ours."""
        body, _, mark = sealed.partition(".")
        if not same_secret(mark, self._mark(body)):
            raise _start_again("this browser has not begun to sign in here, or cookies are switched off")
        attempt = msgspec.json.decode(base64.urlsafe_b64decode(body), type=Attempt)
        if now.timestamp() >= attempt.ends_at:
            raise _start_again(f"signing in took longer than {LIVES_S // 60} minutes")
        return attempt

    def _mark(self, body: str) -> str:
        return hmac.new(self._key, body.encode(), hashlib.sha256).hexdigest()


def require_state(attempt: Attempt, state: str) -> None:
    """Raises BadRequest unless the browser came back from this attempt."""
    if not same_secret(attempt.state, state):
        raise _start_again("this answer belongs to another attempt to sign in")


def _start_again(why: str) -> BadRequest:
    return BadRequest(f"{why}; start again", code="sign_in_not_begun")
