"""Limits as people set them: several windows on one scope, temporary raises. The rules are SQL functions.

A *window* is one budget of a scope, known by its reset and its models: $10 a day and $100 a month are two. A key's
own budget (its *main* one) is not a window: `budgets.set_budget` sets it with the key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from tollhouse.db import queries
from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import CustomerId
from tollhouse.foundation.money import Nanos
from tollhouse.ledger.budgets import Balance
from tollhouse.ledger.protocol import Reset, Scope

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class Window:
    """A budget to be. `models`: a pattern as in allow-lists; empty: every model. `thresholds` in per cent."""

    limit: Nanos
    reset: Reset | None
    models: str
    thresholds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Raise:
    """What a limit is higher for a while."""

    extra: Nanos
    until: datetime


@dataclass(frozen=True, slots=True)
class Limit:
    """A budget with what stands in its account. `limit` is as it was set; `balance.limit` counts the raise in.

    `fired`: the highest threshold that was crossed in this period; 0: none.
    """

    budget_id: int
    main: bool
    models: str
    limit: Nanos | None
    raised: Raise | None
    thresholds: tuple[int, ...]
    fired: int
    balance: Balance

    @property
    def outstanding(self) -> Nanos:
        """What is spent, held and in doubt beyond the limit in force: it was lowered, or a raise has ended."""
        if self.balance.limit is None:
            return Nanos(0)
        committed = self.balance.spent + self.balance.held + self.balance.doubt
        return Nanos(max(committed - self.balance.limit, 0))


async def page(
    connection: Connection,
    customer_id: CustomerId,
    *,
    after: int = 0,
    most: int,
    scope_ids: Sequence[str] | None = None,
) -> list[Limit]:
    """Budgets of the customer that have not ended, after the one with this id, in the order in which they were made.

    `scope_ids`: of these scopes only.
    """
    rows = _sql.limits_page(connection, customer_id=customer_id, after=after, most=most, scope_ids=scope_ids)
    return [_limit(row) async for row in rows]


async def of_scope(connection: Connection, customer_id: CustomerId, scope: Scope) -> list[Limit]:
    """The scope's budgets; of a key, its main one too."""
    rows = _sql.limits_of_scope(connection, customer_id=customer_id, kind=scope.kind, scope_id=scope.id)
    return [_limit(row) async for row in rows]


async def find(connection: Connection, customer_id: CustomerId, budget_id: int) -> Limit | None:
    row = await _sql.limit_by_id(connection, customer_id=customer_id, budget_id=budget_id)
    return None if row is None else _limit(row)


async def replace(connection: Connection, customer_id: CustomerId, scope: Scope, windows: Sequence[Window]) -> None:
    """Make these the scope's windows. Those that stay keep what is spent; others end. No two with one reset and models.

    A key's main budget stays as it is.
    """
    await _sql.set_limits(
        connection,
        customer_id=customer_id,
        kind=scope.kind,
        scope_id=scope.id,
        limits=[window.limit for window in windows],
        resets=[window.reset for window in windows],
        models=[window.models for window in windows],
        thresholds=["{" + ",".join(map(str, window.thresholds)) + "}" for window in windows],
    )


async def book_time(connection: Connection) -> datetime:
    """The clock by which raises end and periods begin."""
    now: datetime = await _sql.book_time(connection)
    return now


async def set_raise(connection: Connection, customer_id: CustomerId, budget_id: int, raised: Raise | None) -> bool:
    """Raise a limit instead of any earlier raise, or take the raise back. False: there is no such limit."""
    done: bool = await _sql.raise_limit(
        connection,
        customer_id=customer_id,
        budget_id=budget_id,
        extra=0 if raised is None else raised.extra,
        until=None if raised is None else raised.until,
    )
    return done


def _limit(row: Mapping[str, Any]) -> Limit:
    raised = row["raised_until"]
    return Limit(
        budget_id=row["budget_id"],
        main=row["slot"] == "main" and row["scope_kind"] == "key",
        models=row["model_pattern"],
        limit=cast("Nanos | None", row["limit_nanos"]),
        raised=None if raised is None else Raise(Nanos(row["raise_nanos"]), raised),
        thresholds=tuple(row["thresholds"]),
        fired=row["fired"],
        balance=Balance(
            scope=Scope(row["scope_kind"], row["scope_id"]),
            limit=cast("Nanos | None", row["effective_nanos"]),
            reset=row["reset"],
            resets_at=row["resets_at"],
            spent=Nanos(row["spent_nanos"]),
            held=Nanos(row["held_nanos"]),
            doubt=Nanos(row["doubt_nanos"]),
        ),
    )
