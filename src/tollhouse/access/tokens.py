"""API tokens where many requests a second bring them: remembered for a moment, as permits are (`lookup.py`).

The control plane, where people use tokens, asks the database every time. Here a token is believed for some seconds,
or until something of its customer changes; unknown ones are remembered just as briefly, and a flood of invented ones
ends at the `Shelf`. The memory is bounded; who was asked for longest ago is forgotten first.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tollhouse.access.shelf import Shelf
from tollhouse.db import queries
from tollhouse.db.pool import DATABASE_FAILURES, Database, unreachable
from tollhouse.foundation.clock import Clock
from tollhouse.foundation.ids import CustomerId, TeamId, UserId
from tollhouse.foundation.secrets import TOKEN_PREFIX, sha256_hex

BELIEVED_S: Final = 2.0
REMEMBERED: Final = 10_000
_RAW_LENGTH: Final = len(TOKEN_PREFIX) + 64

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """Whose an API token is. `scopes` None: whatever its owner may do; `team_id`: the owner's, if there is only one."""

    token_id: str
    customer_id: CustomerId
    user_id: UserId
    role: str
    team_id: TeamId | None
    scopes: frozenset[str] | None
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Known:
    asked_at: float
    holder: TokenHolder | None


class TokenLookup:
    """Owns the memory of API tokens of one process."""

    def __init__(self, database: Database, clock: Clock, shelf: Shelf | None = None) -> None:
        self._database = database
        self._clock = clock
        self._shelf = shelf
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._changed: dict[str, float] = {}

    async def find(self, raw: str) -> TokenHolder | None:
        """Whose token this is; None: nobody's, or not any more. Raises Unavailable without a database."""
        if len(raw) != _RAW_LENGTH or not raw.startswith(TOKEN_PREFIX):
            return None
        token_hash, now = sha256_hex(raw), self._clock.monotonic()
        known = self._known.get(token_hash)
        if known is None or not self._is_fresh(known, now):
            is_stranger = known is None or known.holder is None
            if is_stranger and self._shelf is not None and not self._shelf.admits(token_hash):
                return None
            known = _Known(now, await self._ask(token_hash))
            self._remember(token_hash, known)
        holder = known.holder
        if holder is None or (holder.expires_at is not None and holder.expires_at <= self._clock.now()):
            return None
        return holder

    def customer_changed(self, customer_id: str) -> None:
        """Something of this customer was changed, somewhere: its tokens are asked for anew."""
        if len(self._changed) >= REMEMBERED:
            self._changed.clear()
            self._known.clear()
        self._changed[customer_id] = self._clock.monotonic()

    def _is_fresh(self, known: _Known, now: float) -> bool:
        if now - known.asked_at >= BELIEVED_S:
            return False
        return known.holder is None or self._changed.get(known.holder.customer_id, -1.0) < known.asked_at

    async def _ask(self, token_hash: str) -> TokenHolder | None:
        try:
            async with self._database.connection() as connection:
                row = await _sql.token_by_hash(connection, token_hash=token_hash)
        except DATABASE_FAILURES as cause:
            raise unreachable() from cause
        return None if row is None else _holder(row)

    def _remember(self, token_hash: str, known: _Known) -> None:
        self._known[token_hash] = known
        self._known.move_to_end(token_hash)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


def _holder(row: Mapping[str, Any]) -> TokenHolder:
    return TokenHolder(
        token_id=row["id"],
        customer_id=CustomerId(row["customer_id"]),
        user_id=UserId(row["user_id"]),
        role=row["role"],
        team_id=row["team_id"],
        scopes=None if row["scopes"] is None else frozenset(row["scopes"]),
        expires_at=row["expires_at"],
        last_used_at=row["last_used_at"],
    )
