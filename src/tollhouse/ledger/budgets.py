"""Budgets and what stands in their accounts, for those who set them and those who look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from tollhouse.db import queries
from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import CustomerId
from tollhouse.foundation.money import Nanos
from tollhouse.ledger.protocol import Reset, Scope, ScopeKind

__all__ = ["MAIN", "Balance", "Breach", "Reset", "Scope", "ScopeKind", "audit", "balances", "set_budget"]

MAIN: Final = "main"
"""The slot of the budget that every scope can have; a key's row shows this one."""

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class Balance:
    """A main account in the period that runs now. All amounts in nano-USD; `limit` None: nothing is refused.

    `limit` is the one in force at this moment, raises included. `held` is in the hands of workers: set aside for calls
    in flight, or kept for the next ones.
    """

    scope: Scope
    limit: Nanos | None
    reset: Reset | None
    resets_at: datetime | None
    spent: Nanos
    held: Nanos
    doubt: Nanos

    @property
    def remaining(self) -> Nanos | None:
        """What nobody holds or has spent; never below zero. None without a limit."""
        if self.limit is None:
            return None
        return Nanos(max(self.limit - self.spent - self.held - self.doubt, 0))


@dataclass(frozen=True, slots=True)
class Breach:
    """One line of the audit view: something that must never be."""

    budget_id: int | None
    period_seq: int | None
    what: str
    amount: Nanos


async def set_budget(
    connection: Connection,
    customer_id: CustomerId,
    scope: Scope,
    limit: Nanos | None,
    reset: Reset | None,
    *,
    slot: str = MAIN,
    model_pattern: str = "",
) -> int:
    """Create or change a budget; one that had ended begins to count again. Returns its id.

    Spend of the running period stays; a lower limit stops new grants. `model_pattern` as in allow-lists: a model,
    `provider/model`, or a beginning and `*`; empty: every model.
    """
    budget_id: int = await _sql.set_budget(
        connection,
        customer_id=customer_id,
        kind=scope.kind,
        scope_id=scope.id,
        limit_nanos=limit,
        reset=reset,
        slot=slot,
        model_pattern=model_pattern,
    )
    return budget_id


async def balances(
    connection: Connection, customer_id: CustomerId, kind: ScopeKind, scope_ids: Sequence[str]
) -> dict[str, Balance]:
    """Balances by scope id; scopes without a main budget, or whose main budget has ended, are missing."""
    rows = _sql.balances(connection, customer_id=customer_id, kind=kind, scope_ids=list(scope_ids))
    return {row["scope_id"]: _balance(row) async for row in rows}


async def audit(connection: Connection) -> list[Breach]:
    """Every breach of the ledger's invariants; an empty list is the only good answer."""
    return [
        Breach(row["budget_id"], row["period_seq"], row["what"], Nanos(int(row["amount_nanos"])))
        async for row in _sql.audit(connection)
    ]


def _balance(row: Mapping[str, Any]) -> Balance:
    return Balance(
        scope=Scope(row["scope_kind"], row["scope_id"]),
        limit=cast("Nanos | None", row["limit_nanos"]),
        reset=row["reset"],
        resets_at=row["resets_at"],
        spent=Nanos(row["spent_nanos"]),
        held=Nanos(row["held_nanos"]),
        doubt=Nanos(row["doubt_nanos"]),
    )
