"""Wraps the data keys of all exporters' headers anew, under the current master key.

As `provider_keys/rotation.py` does: safe while exporters are used and changed, and to be stopped and repeated.
"""

from dataclasses import dataclass, field
from typing import Final

from tollhouse.control.exporters.sealed_headers import owner
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.sealing import Keyring, SealError
from tollhouse.traces.exports import exporters
from tollhouse.traces.exports.exporters import Sealed

BATCH: Final = 500


@dataclass(slots=True)
class Rotation:
    """What was found. `unreadable`: those that do not open, and stay as they are."""

    rewrapped: int = 0
    current: int = 0
    unreadable: list[Sealed] = field(default_factory=list)


async def rotate(database: Database, keyring: Keyring) -> Rotation:
    """All exporters of the installation that have headers."""
    found, last = Rotation(), ""
    while True:
        async with database.connection() as connection:
            page = await exporters.sealed_page(connection, last, BATCH)
            for exporter in page:
                await _rewrap(connection, keyring, exporter, found)
        if not page:
            return found
        last = page[-1].id


async def _rewrap(connection: Connection, keyring: Keyring, seen: Sealed, found: Rotation) -> None:
    """Until the row is done: when a swap fails, somebody else has changed the row."""
    exporter: Sealed | None = seen
    while exporter is not None:
        try:
            rewrapped = keyring.rewrap(exporter.envelope, *owner(exporter.customer_id, exporter.id))
        except SealError:
            found.unreadable.append(exporter)
            return
        if rewrapped == exporter.envelope:
            found.current += 1
            return
        if await exporters.rewrap(connection, exporter, rewrapped):
            found.rewrapped += 1
            return
        exporter = await exporters.sealed(connection, exporter.id)
