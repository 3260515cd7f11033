"""What people do to the book: say what a call really cost, and give up on money that is in doubt.

Entries never change. A correction is one more entry, `adjust`, with the signed difference, a reason and who said so,
in the same periods of the same budgets. What is in doubt is released only when nothing can come of it any more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal

from tollhouse.db import queries
from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import CallId, CustomerId, KeyId, TeamId, UserId
from tollhouse.foundation.money import Nanos

Outcome = Literal["booked", "repeated", "unknown", "again", "reused"]
"""Of a correction. Only `booked` changed anything; the others are explained at `ledger_adjust`."""

SILENT_AFTER: Final = timedelta(days=1)
"""A silent worker may be cut off and alive: it admits calls for `outage_ttl_s` (at most a day) and finishes those in
flight. Before that time is over its money is not given to others."""

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class Correction:
    """`cost` is the whole of what the call cost, not the difference. `again`: it may have been corrected before.

    `request_key` is the caller's name for this very request: sent twice, it is carried out once.
    """

    call_id: CallId
    cost: Nanos
    reason: str
    actor: str
    again: bool = False
    request_key: str | None = None


@dataclass(frozen=True, slots=True)
class Adjustment:
    """An `adjust` entry. `difference` is signed; `day` is that of the call's own entry."""

    entry_id: str
    call_id: CallId
    day: date
    key_id: KeyId
    user_id: UserId | None
    team_id: TeamId | None
    provider: str
    model: str
    difference: Nanos
    reason: str
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Corrected:
    """`adjustment` None: nothing was booked, now or before. `before` is what the book had for the call until now."""

    outcome: Outcome
    adjustment: Adjustment | None
    before: Nanos


@dataclass(frozen=True, slots=True)
class Released:
    """`waiting` cannot be released yet. Nothing was released if more than `releasable` was asked for."""

    released: Nanos
    releasable: Nanos
    waiting: Nanos
    leases: int


async def adjust(connection: Connection, customer_id: CustomerId, correction: Correction) -> Corrected:
    """Book the difference between what a call cost and what the book has for it, which may be nothing."""
    row = await _sql.adjust(
        connection,
        customer_id=customer_id,
        call_id=correction.call_id,
        cost=correction.cost,
        reason=correction.reason,
        actor=correction.actor,
        again=correction.again,
        request_key=correction.request_key,
    )
    if row["outcome"] not in ("booked", "repeated"):
        return Corrected(row["outcome"], None, Nanos(row["before_nanos"] or 0))
    made = await _sql.adjustment(connection, entry_day=row["entry_day"], entry_id=row["entry_id"])
    adjustment = _adjustment(made)
    return Corrected(row["outcome"], adjustment, Nanos(row["before_nanos"] or 0))


async def adjustments(
    connection: Connection, customer_id: CustomerId, *, most: int, before: tuple[datetime, str] | None = None
) -> list[Adjustment]:
    """A customer's adjustments, newest first; `before` is time and entry id of the last one seen."""
    at, entry_id = before or (None, None)
    rows = _sql.adjustments(connection, customer_id=customer_id, before=at, before_id=entry_id, most=most)
    return [_adjustment(row) async for row in rows]


async def booked(connection: Connection, calls: Mapping[CallId, date]) -> dict[CallId, Nanos]:
    """What calls were charged when they ended, of whatever customer; they come with the days of their entries."""
    rows = _sql.booked(connection, days=list(set(calls.values())), call_ids=list(calls))
    return {CallId(row["call_id"]): Nanos(row["cost_nanos"]) async for row in rows}


async def adjusted(
    connection: Connection, customer_id: CustomerId, calls: Mapping[CallId, date]
) -> dict[CallId, Nanos]:
    """By how much calls were corrected in sum; they come with the days of their entries. Not corrected: missing."""
    if not calls:
        return {}
    rows = _sql.adjusted(
        connection,
        customer_id=customer_id,
        call_ids=list(calls),
        first_day=min(calls.values()),
        last_day=max(calls.values()),
    )
    return {CallId(row["call_id"]): Nanos(row["nanos"]) async for row in rows}


async def release_doubt(
    connection: Connection, customer_id: CustomerId, budget_id: int, nanos: Nanos | None
) -> Released | None:
    """Give back `nanos`, or all, of a budget's doubtful leases. None: the customer has no such budget."""
    row = await _sql.release_doubt(
        connection, customer_id=customer_id, budget_id=budget_id, nanos=nanos, silent_after=SILENT_AFTER
    )
    if row is None:
        return None
    return Released(Nanos(row["released"]), Nanos(row["releasable"]), Nanos(row["waiting"]), row["leases"])


def _adjustment(row: Mapping[str, Any]) -> Adjustment:
    return Adjustment(
        entry_id=row["entry_id"],
        call_id=CallId(row["call_id"]),
        day=row["entry_day"],
        key_id=row["key_id"],
        user_id=row["user_id"],
        team_id=row["team_id"],
        provider=row["provider"],
        model=row["model"],
        difference=Nanos(row["cost_nanos"]),
        reason=row["reason"],
        actor=row["actor"],
        at=row["created_at"],
    )
