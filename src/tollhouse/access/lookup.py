"""From a raw key to its permit, without asking the database each time.

A permit is believed for less than a second, so a disabled or narrowed key stops within one. Unknown keys are
remembered just as briefly, and one look-up serves all callers who ask at the same moment: a flood of one wrong
key costs about one read a second. The memory is bounded; the oldest look-up is forgotten first.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from tollhouse.access.permits import Permit
from tollhouse.db import queries
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.clock import Clock
from tollhouse.foundation.ids import CustomerId, KeyId
from tollhouse.foundation.secrets import looks_like_key, sha256_hex

_sql = queries.load(__file__)

BELIEVED_S: Final = 0.8
REMEMBERED_KEYS: Final = 50_000
_DEFAULT_CREDENTIAL_MODE: Final = "unified"


class PermitLookup:
    """Owns the memory of permits of one process."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, Permit | None]] = OrderedDict()
        self._asking: dict[str, asyncio.Task[Permit | None]] = {}

    async def find(self, raw_key: str) -> Permit | None:
        """The permit of a raw key, or None for a key nobody has. Raises Unavailable without a database."""
        if not looks_like_key(raw_key):
            return None
        key_hash = sha256_hex(raw_key)
        known = self._known.get(key_hash)
        if known is not None and self._clock.monotonic() - known[0] < BELIEVED_S:
            return known[1]
        return await asyncio.shield(self._ask_once(key_hash))

    def forget(self, key_hash: str) -> None:
        """The key was changed in this process: ask anew at the next call."""
        self._known.pop(key_hash, None)

    def _ask_once(self, key_hash: str) -> "asyncio.Task[Permit | None]":
        task = self._asking.get(key_hash)
        if task is None:
            task = asyncio.create_task(self._ask(key_hash))
            self._asking[key_hash] = task
        return task

    async def _ask(self, key_hash: str) -> Permit | None:
        try:
            async with self._database.connection() as connection:
                permit = await read_permit(connection, key_hash)
            self._remember(key_hash, permit)
            return permit
        finally:
            del self._asking[key_hash]

    def _remember(self, key_hash: str, permit: Permit | None) -> None:
        self._known[key_hash] = (self._clock.monotonic(), permit)
        self._known.move_to_end(key_hash)
        if len(self._known) > REMEMBERED_KEYS:
            self._known.popitem(last=False)


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
    )
