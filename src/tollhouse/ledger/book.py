"""The book's verbs, one round trip each: take an identity, be granted money, tell what became of it.

The rules are SQL functions of the migrations; here are their arguments and answers. Whoever calls with an epoch that
was replaced gets `Fenced`. Every verb may be repeated when its answer was lost.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import inf
from typing import Any, Final, Literal, NamedTuple

import asyncpg
import msgspec

from tollhouse.db import queries
from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import WorkerId
from tollhouse.foundation.money import Nanos
from tollhouse.ledger.protocol import (
    Answer,
    Fenced,
    FlushBatch,
    FlushReply,
    Gap,
    GrantOrder,
    GrantReply,
    Owner,
    Scope,
    Standing,
)
from tollhouse.ledger.records import Part, Record, Resolved, encode

MarkState = Literal["live", "silent", "closed"]

MOST_BURIED: Final = Nanos(10**17)
"""In doubt for one buried record at most: a nonsensical amount must not overflow the account as well."""
_LONGEST_ERROR: Final = 500

_encode = msgspec.json.encode
_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class Registration:
    """A new life of a worker. `now`: the book's clock, seconds since 1970."""

    owner: Owner
    now: float


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the book has one epoch's journal: its money up to `acked`, what is told of it up to `recorded`."""

    epoch: int
    acked: int = 0
    recorded: int = 0
    state: MarkState = "live"


class UnknownBudgets(Exception):
    """The book has no such budgets: it forgot them, or they never were. Nothing was granted."""

    def __init__(self, budget_ids: Sequence[int]) -> None:
        super().__init__(f"the book has no budgets {list(budget_ids)}")
        self.budget_ids = tuple(budget_ids)


# A worker's lives ------------------------------------------------------------------------------------------


async def register(connection: Connection, worker_id: WorkerId, above: int = 0) -> Registration:
    """Begin a worker's next life; its earlier ones cannot write any more.

    `above`: the highest epoch known from its journal. A database that forgot commits would give that one out again.
    """
    row = await _sql.register_worker(connection, worker_id=worker_id, above=above)
    return Registration(Owner(worker_id, row["epoch"]), row["now"])


async def marks(connection: Connection, worker_id: WorkerId) -> list[Mark]:
    """Every life of the worker, oldest first."""
    rows = _sql.marks(connection, worker_id=worker_id)
    return [Mark(row["epoch"], row["acked_seq"], row["recorded_seq"], row["state"]) async for row in rows]


async def close_epoch(connection: Connection, caller: Owner, epoch: int, *, exact: bool) -> None:
    """End an epoch whose whole journal was flushed. `exact`: what is left of its leases goes back; else to doubt."""
    with _refusals():
        await _sql.close_epoch(connection, worker_id=caller.worker_id, caller=caller.epoch, epoch=epoch, exact=exact)


async def abandon_epochs(connection: Connection, caller: Owner, keep: Sequence[int]) -> None:
    """All earlier epochs but those to `keep` have lost their journals: their leases stay in doubt."""
    with _refusals():
        await _sql.abandon_epochs(connection, worker_id=caller.worker_id, caller=caller.epoch, keep=list(keep))


async def doubt_silent(connection: Connection, silent_after: timedelta) -> list[WorkerId]:
    """Put in doubt what workers hold that were not heard for so long; returns those that held something."""
    return [WorkerId(row["worker_id"]) async for row in _sql.doubt_silent(connection, silent_after=silent_after)]


async def mark_recorded(connection: Connection, caller: Owner, epoch: int, number: int) -> None:
    """Receipts and spans of an epoch are written up to record `number`. For the transaction that writes them."""
    with _refusals():
        await _sql.mark_recorded(connection, worker_id=caller.worker_id, caller=caller.epoch, epoch=epoch, seq=number)


# Money -----------------------------------------------------------------------------------------------------


async def grant(connection: Connection, owner: Owner, order: GrantOrder) -> GrantReply:
    """Answer every ask of the order. Raises UnknownBudgets, also Fenced for an epoch that was closed."""
    wants = {need.budget_id: 0 for ask in order.asks for need in ask.needs} | dict(order.wants)
    budgets = sorted(wants)
    place = {budget_id: at for at, budget_id in enumerate(budgets, 1)}
    needs = [(number, need) for number, ask in enumerate(order.asks, 1) for need in ask.needs]
    with _refusals():
        row = await _sql.grant(
            connection,
            worker_id=owner.worker_id,
            epoch=owner.epoch,
            number=order.number,
            budgets=budgets,
            wants=[wants[budget_id] for budget_id in budgets],
            unpriced=[ask.unpriced for ask in order.asks],
            asks=[number for number, _ in needs],
            places=[place[need.budget_id] for _, need in needs],
            amounts=[need.amount for _, need in needs],
            floors=[need.floor for _, need in needs],
        )
    answers = tuple(
        Answer(verdict, None if refuser is None else budgets[refuser - 1])
        for verdict, refuser in zip(row["verdicts"] or (), row["refusers"] or (), strict=True)
    )
    return GrantReply(order.number, _standings(budgets, row), answers, row["at"])


async def flush(
    connection: Connection, caller: Owner, epoch: int, batch: FlushBatch, calls: Sequence[msgspec.Raw] | None = None
) -> FlushReply:
    """Take a batch of an epoch's journal, once however often it is sent. An empty one says that the worker lives.

    `calls`: the batch's, as `rows` makes them, if that was done before. Raises Gap. What the database says of values it
    cannot take passes through: such a record must be buried.
    """
    accounts = _Accounts.of(batch)
    with _refusals():
        row = await _sql.flush(
            connection,
            worker_id=caller.worker_id,
            caller=caller.epoch,
            epoch=epoch,
            after=batch.after,
            through=batch.through,
            calls=list(rows(batch.resolved) if calls is None else calls),
            **accounts._asdict(),
        )
    return FlushReply(row["acked"], tuple(row["wanted"]), row["at"])


async def bury(
    connection: Connection, caller: Owner, epoch: int, after: int, number: int, record: Record, error: str
) -> None:
    """Set a record aside that no flush takes; the mark moves over it. What its call cost is in doubt. Raises Gap."""
    resolved = record if isinstance(record, Resolved) and record.kind != "void" else None
    parts = () if resolved is None else tuple(sorted(resolved.reserved.parts))
    with _refusals():
        await _sql.bury(
            connection,
            worker_id=caller.worker_id,
            caller=caller.epoch,
            epoch=epoch,
            after=after,
            seq=number,
            record=encode(record),
            error=error.replace("\0", "")[:_LONGEST_ERROR],
            cost=0 if resolved is None else min(resolved.cost, MOST_BURIED),
            reserved=0 if resolved is None else min(resolved.reserved.amount, MOST_BURIED),
            budgets=[part.budget_id for part in parts],
            periods=[part.period_seq for part in parts],
            leased=[part.leased for part in parts],
        )


# Arguments and answers -------------------------------------------------------------------------------------


class _Accounts(NamedTuple):
    """Every account of a batch once, by id, and what was granted and returned there."""

    budgets: list[int]
    periods: list[int]
    granted: list[int]
    returned: list[int]

    @classmethod
    def of(cls, batch: FlushBatch) -> "_Accounts":
        granted = {(budget_id, period_seq): nanos for budget_id, period_seq, nanos in batch.granted}
        returned = {(budget_id, period_seq): nanos for budget_id, period_seq, nanos in batch.returned}
        paths = {one.reserved.parts for one in batch.resolved}
        named = {(part.budget_id, part.period_seq) for parts in paths for part in parts}
        accounts = sorted(named | granted.keys() | returned.keys())
        return cls(
            [budget_id for budget_id, _ in accounts],
            [period_seq for _, period_seq in accounts],
            [granted.get(account, 0) for account in accounts],
            [returned.get(account, 0) for account in accounts],
        )


class _Row(msgspec.Struct, frozen=True, gc=False):
    """A call as the flush takes it; the parts are array literals."""

    call: str
    opened: int
    kind: str
    reserved: int
    cost: int
    customer: str
    key: str
    user: str | None
    team: str | None
    provider: str
    model: str
    budgets: str
    periods: str
    leased: str


def rows(resolved: Iterable[Resolved]) -> Iterator[msgspec.Raw]:
    """Calls as a flush tells them."""
    literals: dict[tuple[Part, ...], tuple[str, str, str]] = {}
    return (_row(one, literals) for one in resolved)


def _row(one: Resolved, literals: dict[tuple[Part, ...], tuple[str, str, str]]) -> msgspec.Raw:
    reserved = one.reserved
    call, parts = reserved.call, reserved.parts
    path = literals.get(parts) or literals.setdefault(parts, _literals(parts))
    row = _Row(
        call.call_id,
        reserved.opened_us,
        one.kind,
        reserved.amount,
        one.cost,
        call.customer_id,
        call.key_id,
        call.user_id,
        call.team_id,
        call.provider,
        call.model,
        *path,
    )
    return msgspec.Raw(_encode(row))


def _literals(parts: tuple[Part, ...]) -> tuple[str, str, str]:
    """The parts as three array literals: arrays of arrays of different lengths do not exist."""
    columns = (
        ",".join(str(part.budget_id) for part in parts),
        ",".join(str(part.period_seq) for part in parts),
        ",".join(str(part.leased) for part in parts),
    )
    return ("{" + columns[0] + "}", "{" + columns[1] + "}", "{" + columns[2] + "}")


def _standings(budgets: Sequence[int], row: Mapping[str, Any]) -> tuple[Standing, ...]:
    return tuple(
        Standing(
            budget_id,
            row["period_seqs"][at],
            Scope(row["kinds"][at], row["scope_ids"][at]),
            limit=row["limits"][at],
            spent=row["spent"][at],
            leased=row["leased"][at],
            doubt=row["doubt"][at],
            granted=row["granted"][at],
            tight=row["tight"][at],
            resets_at=_moment(row["resets_at"][at]),
            looks_again_at=_moment(row["looks_again_at"][at]),
        )
        for at, budget_id in enumerate(budgets)
    )


def _moment(seconds: float | None) -> float:
    return inf if seconds is None else seconds


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """The book's own words for what the SQL functions raise."""
    try:
        yield
    except asyncpg.PostgresError as error:
        state, detail = getattr(error, "sqlstate", None), getattr(error, "detail", None)
        if state == "TH001":
            raise Fenced(str(error)) from error
        if state == "TH002" and detail is not None:
            raise Gap(int(detail)) from error
        if state == "TH003" and detail is not None:
            raise UnknownBudgets([int(budget_id) for budget_id in detail.split(",")]) from error
        raise
