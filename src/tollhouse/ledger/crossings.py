"""Crossed thresholds, once a period each: an outbox that whoever tells people empties. At least once, in no order."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from tollhouse.db import queries
from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import CustomerId
from tollhouse.foundation.money import Nanos
from tollhouse.ledger.protocol import Reset, Scope

NOTICES: Final = "tollhouse_events"
"""The channel on which the book says that there are new ones."""

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class Crossing:
    """Spending reached `percent` of a budget's limit. `attempts`: how often it was claimed, this time included."""

    id: int
    customer_id: CustomerId
    budget_id: int
    scope: Scope
    reset: Reset | None
    models: str
    period_seq: int
    percent: int
    spent: Nanos
    limit: Nanos
    at: datetime
    age: timedelta
    attempts: int


async def claim(connection: Connection, *, most: int, hold: timedelta) -> list[Crossing]:
    """Take what is due, one of a customer; nobody else gets it for `hold`."""
    return [_crossing(row) async for row in _sql.claim_events(connection, most=most, hold=hold)]


async def delivered(connection: Connection, crossing_id: int) -> None:
    await _sql.event_delivered(connection, id=crossing_id)


async def failed(connection: Connection, crossing_id: int, error: str, wait: timedelta | None) -> None:
    """To be tried again after `wait`; None: given up."""
    await _sql.event_failed(connection, id=crossing_id, error=error, wait=wait)


def _crossing(row: Mapping[str, Any]) -> Crossing:
    return Crossing(
        id=row["id"],
        customer_id=CustomerId(row["customer_id"]),
        budget_id=row["budget_id"],
        scope=Scope(row["scope_kind"], row["scope_id"]),
        reset=row["reset"],
        models=row["model_pattern"],
        period_seq=row["period_seq"],
        percent=row["percent"],
        spent=Nanos(row["spent_nanos"]),
        limit=Nanos(row["limit_nanos"]),
        at=row["at"],
        age=row["age"],
        attempts=row["attempts"],
    )
