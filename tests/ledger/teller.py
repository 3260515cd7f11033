"""One life of a worker that speaks to the book directly: no till decides, no journal remembers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import CustomerId, KeyId, WorkerId, new_call_id, new_id
from tollhouse.foundation.money import Nanos
from tollhouse.ledger import book, budgets
from tollhouse.ledger.protocol import Ask, FlushReply, GrantOrder, GrantReply, Need, Owner, Reset, Scope, batch_of
from tollhouse.ledger.records import Amount, Call, Part, Record, Reserved, Resolved, Returned, SettlementKind

CUSTOMER = CustomerId("customer")
NOON_US = 1_795_608_000_000_000
"""2026-11-25 12:00 UTC."""


class Figures(NamedTuple):
    spent: int
    leased: int
    doubt: int
    overrun: int


@dataclass
class Teller:
    connection: Connection
    owner: Owner
    acked: int = 0
    number: int = 0
    last: tuple[Record, ...] = field(default=())

    async def order(self, *asks: Ask, wants: Mapping[int, int] | None = None) -> GrantReply:
        self.number += 1
        return await self.repeat(*asks, wants=wants)

    async def repeat(self, *asks: Ask, wants: Mapping[int, int] | None = None) -> GrantReply:
        sizes = tuple((budget_id, Nanos(want)) for budget_id, want in sorted((wants or {}).items()))
        return await book.grant(self.connection, self.owner, GrantOrder(self.number, asks, sizes))

    async def lease(self, nanos: int, *budget_ids: int) -> GrantReply:
        reply = await self.order(ask(dict.fromkeys(budget_ids, nanos)))
        assert [answer.verdict for answer in reply.answers] == ["whole"]
        return reply

    async def flush(self, *records: Record, granted: Mapping[tuple[int, int], int] | None = None) -> FlushReply:
        """The next records of this life's journal."""
        reply = await self.flush_for(self.owner.epoch, self.acked, *records, granted=granted)
        self.acked = reply.acked
        return reply

    async def flush_for(
        self, epoch: int, after: int, *records: Record, granted: Mapping[tuple[int, int], int] | None = None
    ) -> FlushReply:
        said = [Amount(*account, Nanos(nanos)) for account, nanos in (granted or {}).items()]
        batch = batch_of(after, enumerate(records, after + 1), said)
        return await book.flush(self.connection, self.owner, epoch, batch)

    async def bury(self, record: Record) -> None:
        after, self.acked = self.acked, self.acked + 1
        await book.bury(self.connection, self.owner, self.owner.epoch, after, self.acked, record, "poison\0")


async def teller(connection: Connection, worker_id: str | None = None) -> Teller:
    registered = await book.register(connection, WorkerId(worker_id or new_id()))
    return Teller(connection, registered.owner)


def ask(amounts: Mapping[int, int], floor: int | None = None, *, unpriced: bool = False) -> Ask:
    """Wants the amounts, or as much as there is from `floor` up; all of it if there is no floor."""
    needs = (
        Need(budget_id, Nanos(nanos), Nanos(nanos if floor is None else min(floor, nanos)))
        for budget_id, nanos in amounts.items()
    )
    return Ask(tuple(needs), unpriced)


def reserved(amount: int, *budget_ids: int, period: int = 1, leased: bool = True, opened_us: int = NOON_US) -> Reserved:
    call = Call(new_call_id(), CUSTOMER, KeyId("key"), None, None, "openai", "gpt-4o-mini", "v1")
    parts = tuple(Part(budget_id, period, leased) for budget_id in budget_ids)
    return Reserved(call, opened_us, parts, Nanos(amount))


def outcome(held: Reserved, cost: int, kind: SettlementKind = "exact") -> Resolved:
    return Resolved(held, kind, Nanos(cost))


def given_back(nanos: int, budget_id: int, period: int = 1) -> Returned:
    return Returned((Amount(budget_id, period, Nanos(nanos)),))


async def budget(
    connection: Connection,
    limit: int | None,
    reset: Reset | None = None,
    *,
    scope: Scope | None = None,
    slot: str = "main",
    model_pattern: str = "",
) -> int:
    """Makes or changes a budget; of a fresh team if no scope is named."""
    amount = None if limit is None else Nanos(limit)
    on = scope or Scope("team", new_id())
    return await budgets.set_budget(connection, CUSTOMER, on, amount, reset, slot=slot, model_pattern=model_pattern)


async def end(connection: Connection, budget_id: int) -> None:
    """Removes a budget, as setting a scope's limits anew does."""
    await connection.execute("SELECT ledger_end_budget($1)", budget_id)


async def figures(connection: Connection, budget_id: int, period: int | None = None) -> Figures:
    """What stands in an account, of the running period unless named; the books must be right as a whole."""
    assert await budgets.audit(connection) == []
    row = await connection.fetchrow(
        "SELECT spent_nanos, leased_nanos, doubt_nanos, overrun_nanos FROM ledger_accounts a"
        " JOIN ledger_budgets b USING (budget_id)"
        " WHERE b.budget_id = $1 AND a.period_seq = coalesce($2, b.period_seq)",
        budget_id,
        period,
    )
    assert row is not None
    return Figures(*row)
