"""The verbs of the road: reserve before a call is sent, settle when its outcome is known, sweep what is left.

A settlement is one of the entry kinds, or `void` when provably nothing was sent. Settling is idempotent: the
hold's row is the claim, and what was charged in doubt meanwhile is corrected by an adjustment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from tollhouse.db import queries
from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import CallId, CustomerId, KeyId, TeamId, UserId, WorkerId
from tollhouse.foundation.money import Nanos
from tollhouse.ledger.budgets import Scope

SettlementKind = Literal["exact", "estimated", "in_doubt", "void"]
SettlementOutcome = Literal["booked", "voided", "adjusted", "repeated"]

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class Owner:
    """The worker that must settle what it holds."""

    worker_id: WorkerId
    epoch: int


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """Money wanted for one call. `amount` is the bound; anything from `floor` up will do if less is left.

    `amount` None: the model has no price, so only scopes without a limit let the call pass.
    """

    call_id: CallId
    scopes: tuple[Scope, ...]
    amount: Nanos | None
    floor: Nanos
    max_age: timedelta
    customer_id: CustomerId
    key_id: KeyId
    user_id: UserId | None
    team_id: TeamId | None
    provider: str
    model: str
    price_version: str | None


@dataclass(frozen=True, slots=True)
class Tightest:
    """The limited scope with the least left, as it stood when the hold was judged."""

    scope: Scope
    limit: Nanos
    spent: Nanos
    held: Nanos
    doubt: Nanos
    resets_at: datetime | None

    @property
    def left(self) -> Nanos:
        """What could be held; zero when more is committed than the limit."""
        return Nanos(max(self.limit - self.spent - self.held - self.doubt, 0))


@dataclass(frozen=True, slots=True)
class Held:
    """The hold stands: `amount` is set aside on every scope. `day` (UTC, the book's clock) is its entry's day."""

    amount: Nanos
    day: date
    tightest: Tightest | None


@dataclass(frozen=True, slots=True)
class NotHeld:
    """Nothing was changed on any scope; `tightest` is the one that refused."""

    tightest: Tightest


@dataclass(frozen=True, slots=True)
class Settlement:
    """The outcome of one call. `day` is the UTC day on which its hold was taken; `cost` is ignored for void."""

    call_id: CallId
    day: date
    kind: SettlementKind
    cost: Nanos


@dataclass(frozen=True, slots=True)
class Settled:
    """What the book did with a settlement. `cost` is what was booked, the difference for `adjusted`."""

    outcome: SettlementOutcome
    reserved: Nanos
    cost: Nanos
    overrun: Nanos


@dataclass(frozen=True, slots=True)
class SweptCall:
    """A call charged in full because nobody was left to settle it."""

    call_id: CallId
    amount: Nanos
    customer_id: CustomerId
    key_id: KeyId
    user_id: UserId | None
    team_id: TeamId | None
    provider: str
    model: str
    price_version: str | None
    opened_at: datetime


async def reserve(connection: Connection, owner: Owner, request: HoldRequest) -> Held | NotHeld:
    """Set the money aside on every scope or on none, durably, in one round trip. Safe to repeat."""
    row = await _sql.reserve(
        connection,
        call_id=request.call_id,
        worker_id=owner.worker_id,
        epoch=owner.epoch,
        kinds=[scope.kind for scope in request.scopes],
        scope_ids=[scope.id for scope in request.scopes],
        amount=request.amount,
        floor=request.floor,
        max_age=request.max_age,
        customer_id=request.customer_id,
        key_id=request.key_id,
        user_id=request.user_id,
        team_id=request.team_id,
        provider=request.provider,
        model=request.model,
        price_version=request.price_version,
    )
    tightest = _tightest(row)
    if row["granted"] is None and tightest is not None:
        return NotHeld(tightest)
    return Held(Nanos(row["granted"]), row["opened_day"], tightest)


async def settle(connection: Connection, settlements: Sequence[Settlement]) -> list[Settled]:
    """Resolve calls, each exactly once; the answers are in the order asked."""
    rows = _sql.settle(
        connection,
        calls=[item.call_id for item in settlements],
        days=[item.day for item in settlements],
        kinds=[item.kind for item in settlements],
        costs=[item.cost for item in settlements],
    )
    by_call = {row["call_id"]: _settled(row) async for row in rows}
    return [by_call[item.call_id] for item in settlements]


async def sweep(connection: Connection, silent_after: timedelta, *, most: int) -> list[SweptCall]:
    """Charge up to `most` calls whose worker is gone or silent. Never frees money: they may have been sent."""
    return [_swept(row) async for row in _sql.sweep(connection, silent_after=silent_after, most=most)]


async def register(connection: Connection, worker_id: WorkerId) -> Owner:
    """Take an identity; holds of its earlier epochs are charged by the next sweep."""
    return Owner(worker_id, await _sql.register(connection, worker_id=worker_id))


async def heartbeat(connection: Connection, owner: Owner) -> bool:
    """Say that the worker lives. False: another process took the identity."""
    status: str = await _sql.heartbeat(connection, worker_id=owner.worker_id, epoch=owner.epoch)
    return status.endswith(" 1")


async def retire(connection: Connection, owner: Owner) -> None:
    """A clean goodbye."""
    await _sql.retire(connection, worker_id=owner.worker_id, epoch=owner.epoch)


def _tightest(row: Mapping[str, Any]) -> Tightest | None:
    if not row["budgeted"]:
        return None
    return Tightest(
        scope=Scope(row["scope_kind"], row["scope_id"]),
        limit=Nanos(row["limit_nanos"]),
        spent=Nanos(row["spent_nanos"]),
        held=Nanos(row["held_nanos"]),
        doubt=Nanos(row["doubt_nanos"]),
        resets_at=row["resets_at"],
    )


def _settled(row: Mapping[str, Any]) -> Settled:
    return Settled(
        outcome=row["outcome"],
        reserved=Nanos(row["reserved_nanos"]),
        cost=Nanos(row["cost_nanos"]),
        overrun=Nanos(row["overrun_nanos"]),
    )


def _swept(row: Mapping[str, Any]) -> SweptCall:
    return SweptCall(
        call_id=CallId(str(row["call_id"])),
        amount=Nanos(row["amount_nanos"]),
        customer_id=row["customer_id"],
        key_id=row["key_id"],
        user_id=row["user_id"],
        team_id=row["team_id"],
        provider=row["provider"],
        model=row["model"],
        price_version=row["price_version"],
        opened_at=row["opened_at"],
    )
