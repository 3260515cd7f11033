"""Wraps the data keys of stored secrets anew, under the current master key, whatever kind of row has them.

Safe while secrets are used and stored, when two do it at once, and to be stopped anywhere: each row is swapped by
itself, if it still is what was looked at, and opens before and after.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Generic, Literal, Protocol, TypeVar

from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.sealing import Envelope, Keyring, SealError

BATCH: Final = 500

Fate = Literal["rewrapped", "current", "unreadable", "gone"]


class Sealed(Protocol):
    """A row with a secret."""

    @property
    def envelope(self) -> Envelope: ...


Row = TypeVar("Row", bound=Sealed)


@dataclass(frozen=True, slots=True)
class Rows(Generic[Row]):
    """Where rows of one kind are. `page`: after a row, or from the first; `owner`: what an envelope is bound to;
    `swap`: False if the row is not as it was seen any more; `again`: as it is now, None when it is gone."""

    page: Callable[[Connection, Row | None, int], Awaitable[list[Row]]]
    owner: Callable[[Row], tuple[str, ...]]
    swap: Callable[[Connection, Row, Envelope], Awaitable[bool]]
    again: Callable[[Connection, Row], Awaitable[Row | None]]


@dataclass(slots=True)
class Rotation(Generic[Row]):
    """What was found. `unreadable`: those that do not open, and stay as they are."""

    rewrapped: int = 0
    current: int = 0
    unreadable: list[Row] = field(default_factory=list)

    def note(self, row: Row, fate: Fate) -> None:
        match fate:
            case "rewrapped":
                self.rewrapped += 1
            case "current":
                self.current += 1
            case "unreadable":
                self.unreadable.append(row)
            case "gone":
                pass


async def rotate(database: Database, keyring: Keyring, rows: Rows[Row]) -> Rotation[Row]:
    """All rows of the installation. What is stored meanwhile is under the current master key anyway."""
    found: Rotation[Row] = Rotation()
    last: Row | None = None
    while True:
        async with database.connection() as connection:
            page = await rows.page(connection, last, BATCH)
            for row in page:
                found.note(row, await _rewrap(connection, keyring, rows, row))
        if not page:
            return found
        last = page[-1]


async def _rewrap(connection: Connection, keyring: Keyring, rows: Rows[Row], seen: Row) -> Fate:
    """Until the row is done: when a swap fails, somebody else has changed the row."""
    row: Row | None = seen
    while row is not None:
        try:
            rewrapped = keyring.rewrap(row.envelope, *rows.owner(row))
        except SealError:
            return "unreadable"
        if rewrapped == row.envelope:
            return "current"
        if await rows.swap(connection, row, rewrapped):
            return "rewrapped"
        row = await rows.again(connection, row)
    return "gone"
