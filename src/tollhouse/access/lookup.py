"""From a raw key to its permit, without asking the database each time.

Changes are heard at once (see `Notices`); what is remembered is also asked again in the background every few seconds
while the key is in use, in case a notice was lost. While notices do not arrive, a permit is believed for less than a
second. Unknown keys are remembered just as briefly, and one look-up serves all who ask at the same moment: a flood of
one wrong key costs about one read a second, and one of many invented keys stops at the `Shelf`. While the database is
away, keys that were known stay known for a while, so that calls which the ledger can still cover go on. The memory is
bounded; the oldest look-up is forgotten first.
"""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tollhouse.access.permits import CallLimits, Permit, PermitBudget
from tollhouse.access.shelf import Shelf
from tollhouse.db import queries
from tollhouse.db.pool import DATABASE_FAILURES, Connection, Database, unreachable
from tollhouse.foundation.clock import Clock
from tollhouse.foundation.ids import CustomerId, KeyId
from tollhouse.foundation.sealing import Envelope
from tollhouse.foundation.secrets import looks_like_key, sha256_hex

_sql = queries.load(__file__)

BELIEVED_DEAF_S: Final = 0.8
BELIEVED_S: Final = 5.0
ASKED_AGAIN_AFTER_S: Final = 2.5
REMEMBERED_KEYS: Final = 50_000
NOTICES: Final = "tollhouse_permits"
_PATIENCE_S: Final = 0.1
_AWAY_S: Final = 1.0
_DEFAULT_CREDENTIAL_MODE: Final = "unified"


@dataclass(frozen=True, slots=True)
class _Known:
    read_at: float
    permit: Permit | None


class PermitLookup:
    """Owns the memory of permits of one process."""

    def __init__(
        self, database: Database, clock: Clock, *, outage_ttl_s: float = 0.0, shelf: Shelf | None = None
    ) -> None:
        self._hears = False
        self._shelf = shelf
        self._database = database
        self._clock = clock
        self._outage_ttl_s = outage_ttl_s
        self._is_away = False
        self._look_again_at = -1.0
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._changed: dict[str, float] = {}
        self._asking: dict[str, asyncio.Task[Permit | None]] = {}

    async def find(self, raw_key: str) -> Permit | None:
        """The permit of a raw key, or None for a key nobody has. Raises Unavailable without a database."""
        if not looks_like_key(raw_key):
            return None
        key_hash = sha256_hex(raw_key)
        known, now = self._known.get(key_hash), self._clock.monotonic()
        if known is None or known.permit is None:
            if known is not None and now - known.read_at < BELIEVED_DEAF_S:
                return None
            if self._shelf is not None and not self._shelf.admits(key_hash):
                return None
            return await asyncio.shield(self._ask_once(key_hash))
        age = now - known.read_at
        if self._changed.get(known.permit.customer_id, -1.0) < known.read_at:
            if age < (ASKED_AGAIN_AFTER_S if self._hears else BELIEVED_DEAF_S):
                return known.permit
            if self._hears and age < BELIEVED_S:
                self._ask_once(key_hash)
                return known.permit
        return await self._find_again(key_hash, known.permit, age)

    def forget(self, key_hash: str) -> None:
        """The key was changed in this process: ask anew at the next call."""
        self._known.pop(key_hash, None)

    def customer_changed(self, customer_id: str) -> None:
        """Something of this customer was changed, somewhere: its permits are asked for anew."""
        self._changed[customer_id] = self._clock.monotonic()
        if len(self._changed) > REMEMBERED_KEYS:
            self._forget_all()

    def begin_to_hear(self) -> None:
        """Notices of changes arrive from now on; some may have been missed before."""
        self._hears = True
        self._forget_all()

    def cease_to_hear(self) -> None:
        """Notices do not arrive any more."""
        self._hears = False

    def _forget_all(self) -> None:
        self._known.clear()
        self._changed.clear()

    async def _find_again(self, key_hash: str, permit: Permit, age: float) -> Permit | None:
        """Ask; but a database that does not answer must not hold up a key that was good a moment ago.

        One call finds out that it does not answer. As long as that is so, only looks in the background are taken, one
        a second, and nobody waits for them.
        """
        if age >= self._outage_ttl_s:
            return await asyncio.shield(self._ask_once(key_hash))
        now = self._clock.monotonic()
        if now < self._look_again_at:
            return permit
        asking = self._ask_once(key_hash)
        if not self._is_away:
            await asyncio.wait([asking], timeout=_PATIENCE_S)
            if asking.done() and asking.exception() is None:
                return asking.result()
        self._is_away, self._look_again_at = True, now + _AWAY_S
        return permit

    def _ask_once(self, key_hash: str) -> "asyncio.Task[Permit | None]":
        task = self._asking.get(key_hash)
        if task is None:
            task = asyncio.create_task(self._ask(key_hash))
            task.add_done_callback(_look_at_end)
            self._asking[key_hash] = task
        return task

    async def _ask(self, key_hash: str) -> Permit | None:
        asked_at = self._clock.monotonic()
        try:
            async with self._database.connection() as connection:
                permit = await read_permit(connection, key_hash)
        except DATABASE_FAILURES as cause:
            raise unreachable() from cause
        else:
            self._is_away, self._look_again_at = False, -1.0
            self._remember(key_hash, _Known(asked_at, permit))
            return permit
        finally:
            del self._asking[key_hash]

    def _remember(self, key_hash: str, known: _Known) -> None:
        self._known[key_hash] = known
        self._known.move_to_end(key_hash)
        if len(self._known) > REMEMBERED_KEYS:
            self._known.popitem(last=False)


def _look_at_end(task: "asyncio.Task[Permit | None]") -> None:
    """Whoever waits gets the error; if nobody does, a database that is away is no news."""
    with contextlib.suppress(asyncio.CancelledError, *DATABASE_FAILURES):
        task.result()


async def read_permit(connection: Connection, key_hash: str) -> Permit | None:
    """The permit as the database has it now."""
    row = await _sql.permit_by_hash(connection, key_hash=key_hash)
    return None if row is None else _permit(row)


def _permit(row: Mapping[str, Any]) -> Permit:
    return Permit(
        key_id=KeyId(row["id"]),
        key_name=row["name"],
        customer_id=CustomerId(row["customer_id"]),
        user_id=row["user_id"],
        team_id=row["team_id"],
        disabled=row["disabled"],
        expires_at=row["expires_at"],
        allowed_models=tuple(row["allowed_models"] or ()),
        max_output_tokens=row["max_output_tokens"],
        bound_policy=row["bound_policy"],
        gateway_state=row["gateway_state"],
        gateway_id=row["cf_gateway_id"],
        account_id=row["cf_account_id"],
        credential_mode=row["credential_mode"] or _DEFAULT_CREDENTIAL_MODE,
        budgets=tuple(PermitBudget(*budget) for budget in row["budgets"] or ()),
        calls=CallLimits(row["requests_per_minute"], row["tokens_per_minute"], row["concurrent_calls"]),
        tags=tuple(row["tags"]),
        provider_keys={provider: _envelope(*parts) for provider, *parts in row["provider_keys"] or ()},
    )


def _envelope(sealed: str, wrapped: str, master_key_id: str) -> Envelope:
    return Envelope(bytes.fromhex(sealed), bytes.fromhex(wrapped), master_key_id)
