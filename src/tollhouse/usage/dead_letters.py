"""Usage events that will not be sent unless a person says so, and how many events stand where.

Which of them may go again is decided here, once: one that the meter may have counted only by a word of its own, and one
that is too old for the meter not at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tollhouse.db import queries
from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import CustomerId
from tollhouse.foundation.money import Nanos
from tollhouse.usage.exports import DeadKind

MOST_REVIVED: Final = 5_000

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`first_tried_at`: since when it may be at the meter; None: it certainly is not."""

    entry_id: str
    customer_id: CustomerId
    cost: Nanos
    occurred_at: datetime
    attempts: int
    first_tried_at: datetime | None
    dead_at: datetime
    kind: DeadKind
    reason: str | None


@dataclass(frozen=True, slots=True)
class Counted:
    events: int
    cost: Nanos


@dataclass(frozen=True, slots=True)
class ExportStanding:
    """A customer's events by state. `error`: of the last turn, if it ended early. `has_account`: where to bill it."""

    waiting: Counted
    sent: Counted
    dead: Counted
    oldest_waiting: datetime | None
    error: str | None
    has_account: bool


async def standing(connection: Connection, customer_id: CustomerId) -> ExportStanding:
    row = await _sql.export_counts(connection, customer_id=customer_id)
    waiting, sent, dead = (
        Counted(row[f"{state}_events"], Nanos(row[f"{state}_nanos"])) for state in ("waiting", "sent", "dead")
    )
    return ExportStanding(waiting, sent, dead, row["oldest_waiting"], row["error"], row["has_account"])


async def page(
    connection: Connection, customer_id: CustomerId, *, most: int, before: tuple[datetime, str] | None = None
) -> list[DeadLetter]:
    """The newest first; `before` is time of death and entry of the last one seen."""
    at, entry_id = before or (None, None)
    rows = _sql.dead_letters(connection, customer_id=customer_id, before=at, before_id=entry_id, most=most)
    return [_letter(row) async for row in rows]


async def of_all(connection: Connection, *, most: int) -> list[DeadLetter]:
    """Every customer's, the newest first."""
    return [_letter(row) async for row in _sql.dead_letters_of_all(connection, most=most)]


async def customer_of(connection: Connection, entry_id: str) -> CustomerId | None:
    """Whose dead letter it is; None: nobody's."""
    found = await _sql.customer_of_dead_letter(connection, entry_id=entry_id)
    return None if found is None else CustomerId(found)


async def lock(connection: Connection, customer_id: CustomerId, entry_id: str) -> DeadLetter | None:
    """None: the customer has no such dead letter."""
    row = await _sql.dead_letter_for_update(connection, customer_id=customer_id, entry_id=entry_id)
    return None if row is None else _letter(row)


async def revive(connection: Connection, customer_id: CustomerId, entry_id: str) -> None:
    """It waits again, as if it had never been tried."""
    await _sql.revive(connection, customer_id=customer_id, entry_id=entry_id)


async def close(connection: Connection, customer_id: CustomerId, entry_id: str, reason: str, now: datetime) -> None:
    """It is over: counted at the meter after all, or billed in another way."""
    await _sql.close_dead_letter(connection, customer_id=customer_id, entry_id=entry_id, reason=reason, now=now)


async def revive_all(connection: Connection, customer_id: CustomerId, *, not_before: datetime) -> int:
    """All that can do no harm and are not too old, at most `MOST_REVIVED`; how many."""
    return int(await _sql.revive_many(connection, customer_id=customer_id, not_before=not_before, most=MOST_REVIVED))


def _letter(row: Mapping[str, Any]) -> DeadLetter:
    return DeadLetter(
        entry_id=row["entry_id"],
        customer_id=CustomerId(row["customer_id"]),
        cost=Nanos(row["cost_nanos"]),
        occurred_at=row["occurred_at"],
        attempts=row["attempts"],
        first_tried_at=row["first_tried_at"],
        dead_at=row["dead_at"],
        kind=row["dead_kind"],
        reason=row["last_error"],
    )
