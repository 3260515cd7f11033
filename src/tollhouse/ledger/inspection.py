"""How the book stands, for people who look after it. Reads only.

Three things are in doubt: *calls* charged at their bound because nobody knows how they ended, *leases* of workers
that are gone or silent (money without calls), and *letters*, records that the book did not take.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, cast

from tollhouse.db import queries
from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import CallId, CustomerId, KeyId, WorkerId
from tollhouse.foundation.money import Nanos
from tollhouse.ledger.budgets import Breach
from tollhouse.ledger.protocol import Reset, Scope

DoubtKind = Literal["call", "lease", "letter"]

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class BookStanding:
    """Of one customer. `complete_to`: the book has all calls that ended before, because every worker that holds this
    customer's money was heard since; None: nobody holds any. `sealed_through`: the last day whose entries are sealed.
    """

    leases: int
    leased: Nanos
    doubtful_leases: int
    doubt: Nanos
    letters: int
    complete_to: datetime | None
    sealed_through: date | None


@dataclass(frozen=True, slots=True)
class InDoubt:
    """`name` tells apart what has the same time. Of a call there is a receipt beside this; `worker_state` says
    whether a lease's worker is `silent` or its epoch `closed`."""

    kind: DoubtKind
    at: datetime
    name: str
    amount: Nanos
    call_id: CallId | None
    key_id: KeyId | None
    provider: str | None
    model: str | None
    budget_id: int | None
    period_seq: int | None
    worker_id: WorkerId
    worker_state: str | None


@dataclass(frozen=True, slots=True)
class Account:
    """A budget's account in the period that is open. `limit` None: nothing is refused. `ended`: it was removed."""

    budget_id: int
    customer_id: CustomerId
    scope: Scope
    slot: str
    model_pattern: str
    reset: Reset | None
    resets_at: datetime | None
    ended: bool
    period_seq: int
    limit: Nanos | None
    spent: Nanos
    leased: Nanos
    doubt: Nanos
    overrun: Nanos


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the book; `accounts` are (budget, period)."""

    entry_id: str
    call_id: CallId
    kind: str
    day: date
    customer_id: CustomerId
    key_id: KeyId
    provider: str
    model: str
    reserved: Nanos
    cost: Nanos
    overrun: Nanos
    accounts: tuple[tuple[int, int], ...]
    reason: str | None
    actor: str | None
    at: datetime


async def audit_of(connection: Connection, customer_id: CustomerId) -> list[Breach]:
    """Every breach of the invariants in this customer's part of the book; an empty list is the only good answer."""
    return [
        Breach(row["budget_id"], row["period_seq"], row["what"], Nanos(int(row["amount_nanos"])))
        async for row in _sql.audit_of(connection, customer_id=customer_id)
    ]


async def standing(connection: Connection, customer_id: CustomerId) -> BookStanding:
    row = await _sql.book_standing(connection, customer_id=customer_id)
    return BookStanding(
        leases=row["leases"],
        leased=Nanos(row["leased_nanos"]),
        doubtful_leases=row["doubtful_leases"],
        doubt=Nanos(row["doubt_nanos"]),
        letters=row["letters"],
        complete_to=row["complete_to"],
        sealed_through=row["sealed_through"],
    )


async def in_doubt(
    connection: Connection, customer_id: CustomerId, *, most: int, before: tuple[datetime, str] | None = None
) -> list[InDoubt]:
    """All that is in doubt and open, newest first; `before` is time and name of the last one seen."""
    at, name = before or (None, None)
    rows = _sql.in_doubt(connection, customer_id=customer_id, before=at, before_name=name, most=most)
    return [_in_doubt(row) async for row in rows]


async def accounts(
    connection: Connection,
    *,
    customer_id: CustomerId | None = None,
    key_id: KeyId | None = None,
    budget_id: int | None = None,
    most: int,
) -> list[Account]:
    """Accounts that fit all of what is given, by customer and budget."""
    rows = _sql.accounts(connection, customer_id=customer_id, key_id=key_id, budget_id=budget_id, most=most)
    return [_account(row) async for row in rows]


async def entries_of_call(connection: Connection, call_id: CallId) -> list[Entry]:
    """A call's entry and its adjustments, in the order in which they were booked."""
    return [_entry(row) async for row in _sql.entries_of_call(connection, call_id=call_id)]


def _in_doubt(row: Mapping[str, Any]) -> InDoubt:
    return InDoubt(
        kind=row["kind"],
        at=row["at"],
        name=row["name"],
        amount=Nanos(row["nanos"]),
        call_id=cast("CallId | None", row["call_id"]),
        key_id=cast("KeyId | None", row["key_id"]),
        provider=row["provider"],
        model=row["model"],
        budget_id=row["budget_id"],
        period_seq=row["period_seq"],
        worker_id=WorkerId(row["worker_id"]),
        worker_state=row["state"],
    )


def _account(row: Mapping[str, Any]) -> Account:
    return Account(
        budget_id=row["budget_id"],
        customer_id=CustomerId(row["customer_id"]),
        scope=Scope(row["scope_kind"], row["scope_id"]),
        slot=row["slot"],
        model_pattern=row["model_pattern"],
        reset=row["reset"],
        resets_at=row["resets_at"],
        ended=row["ended_at"] is not None,
        period_seq=row["period_seq"],
        limit=cast("Nanos | None", row["limit_nanos"]),
        spent=Nanos(row["spent_nanos"]),
        leased=Nanos(row["leased_nanos"]),
        doubt=Nanos(row["doubt_nanos"]),
        overrun=Nanos(row["overrun_nanos"]),
    )


def _entry(row: Mapping[str, Any]) -> Entry:
    return Entry(
        entry_id=row["entry"],
        call_id=CallId(row["call"]),
        kind=row["kind"],
        day=row["entry_day"],
        customer_id=CustomerId(row["customer_id"]),
        key_id=KeyId(row["key_id"]),
        provider=row["provider"],
        model=row["model"],
        reserved=Nanos(row["reserved_nanos"]),
        cost=Nanos(row["cost_nanos"]),
        overrun=Nanos(row["overrun_nanos"]),
        accounts=tuple(zip(row["budgets"], row["periods"], strict=True)),
        reason=row["reason"],
        actor=row["actor"],
        at=row["created_at"],
    )
