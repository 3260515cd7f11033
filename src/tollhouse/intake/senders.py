"""Who sends spans: by the shared secret of the installation, an API token or a virtual key.

A token and a key fix the customer. A key fixes user and team, too; so does the token of a member, who speaks for
nobody else, while one of an admin or a manager may send for the customer's other people (a collector does).
"""

import contextlib
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, Protocol

from tollhouse.access.permits import Permit
from tollhouse.access.tokens import TokenHolder
from tollhouse.db.pool import DATABASE_FAILURES
from tollhouse.foundation.clock import Clock
from tollhouse.foundation.secrets import KEY_PREFIX, TOKEN_PREFIX, Secret
from tollhouse.intake import refusals
from tollhouse.traces.attribution import Sender

SCOPE: Final = "traces:write"
_TOUCH_EVERY: Final = timedelta(minutes=1)


class Permits(Protocol):
    """Where permits come from (`access.lookup.PermitLookup`)."""

    async def find(self, raw_key: str) -> Permit | None: ...


class Tokens(Protocol):
    """Where API tokens come from (`access.tokens.TokenLookup`)."""

    async def find(self, raw: str) -> TokenHolder | None: ...


class Senders:
    """Knows the shared secret; `touch` writes down that a token is in use."""

    def __init__(
        self,
        permits: Permits,
        tokens: Tokens,
        clock: Clock,
        *,
        secret: Secret | None,
        touch: Callable[[str], Awaitable[None]],
    ) -> None:
        self._permits = permits
        self._tokens = tokens
        self._clock = clock
        self._digest = None if secret is None else _digest(secret.reveal().encode())
        self._touch = touch

    async def sender(self, authorization: bytes | None) -> Sender:
        """Whose credential this is; raises Unauthorized, Forbidden or Unavailable."""
        scheme, _, rest = (authorization or b"").partition(b" ")
        given = rest.strip()
        if scheme.lower() != b"bearer" or not given:
            raise refusals.no_credential() if self._digest else refusals.not_configured()
        if self._digest is not None and hmac.compare_digest(_digest(given), self._digest):
            return Sender("shared secret")
        raw = given.decode("latin-1")
        if raw.startswith(KEY_PREFIX):
            return self._of_key(await self._permits.find(raw))
        if raw.startswith(TOKEN_PREFIX):
            return await self._of_token(await self._tokens.find(raw))
        raise refusals.unknown_credential() if self._digest else refusals.not_configured()

    def _of_key(self, permit: Permit | None) -> Sender:
        if permit is None:
            raise refusals.unknown_credential()
        if permit.disabled:
            raise refusals.key_disabled()
        if permit.expired(self._clock.now()):
            raise refusals.key_expired()
        return Sender(
            f"key {permit.key_id}", permit.customer_id, permit.user_id, permit.team_id, permit.key_id, fixed=True
        )

    async def _of_token(self, holder: TokenHolder | None) -> Sender:
        if holder is None:
            raise refusals.unknown_credential()
        if holder.scopes is not None and SCOPE not in holder.scopes:
            raise refusals.scope_missing(SCOPE)
        if holder.last_used_at is None or self._clock.now() - holder.last_used_at >= _TOUCH_EVERY:
            with contextlib.suppress(*DATABASE_FAILURES):  # a note for people; spans do not wait for it to succeed
                await self._touch(holder.token_id)
        return Sender(
            f"token {holder.token_id}",
            holder.customer_id,
            holder.user_id,
            holder.team_id,
            fixed=holder.role == "member",
        )


def _digest(raw: bytes) -> bytes:
    """Of one length, whatever was given: comparing tells nothing of the secret, not even how long it is."""
    return hashlib.sha256(raw).digest()
