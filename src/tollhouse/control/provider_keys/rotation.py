"""Wraps the data keys of all provider keys anew, under the current master key.

Safe while calls are made and keys are stored, when two do it at once, and to be stopped anywhere: each row is swapped
by itself, if it still is what was looked at, and opens before and after.
"""

from dataclasses import dataclass, field
from typing import Final, Literal

from tollhouse.access import provider_keys
from tollhouse.access.provider_keys import ProviderKey
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.sealing import Keyring, SealError

BATCH: Final = 500

Fate = Literal["rewrapped", "current", "unreadable", "gone"]


@dataclass(slots=True)
class Rotation:
    """What was found. `unreadable`: those that do not open, and stay as they are."""

    rewrapped: int = 0
    current: int = 0
    unreadable: list[ProviderKey] = field(default_factory=list)


async def rotate(database: Database, keyring: Keyring) -> Rotation:
    """All rows of the installation. What is stored meanwhile is under the current master key anyway."""
    found = Rotation()
    last: ProviderKey | None = None
    while True:
        async with database.connection() as connection:
            page = await provider_keys.page(connection, last, BATCH)
            for key in page:
                _note(found, key, await _rewrap(connection, keyring, key))
        if not page:
            return found
        last = page[-1]


async def _rewrap(connection: Connection, keyring: Keyring, seen: ProviderKey) -> Fate:
    """Until the row is done: when a swap fails, somebody else has changed the row."""
    key: ProviderKey | None = seen
    while key is not None:
        try:
            rewrapped = keyring.rewrap(key.envelope, key.customer_id, key.provider)
        except SealError:
            return "unreadable"
        if rewrapped == key.envelope:
            return "current"
        if await provider_keys.rewrap(connection, key, rewrapped):
            return "rewrapped"
        key = await provider_keys.find(connection, key.customer_id, key.provider)
    return "gone"


def _note(found: Rotation, key: ProviderKey, fate: Fate) -> None:
    match fate:
        case "rewrapped":
            found.rewrapped += 1
        case "current":
            found.current += 1
        case "unreadable":
            found.unreadable.append(key)
        case "gone":
            pass
