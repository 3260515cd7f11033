"""A worker of the ledger on real files and a real database, for tests of everything around the till."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from making import book as make_book
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.clock import SystemClock
from tollhouse.foundation.ids import CallId, CustomerId, KeyId, new_call_id
from tollhouse.foundation.money import Nanos
from tollhouse.ledger import crashpoints
from tollhouse.ledger.crashpoints import CrashPoint
from tollhouse.ledger.keeper import Cadence
from tollhouse.ledger.purse import Terms, Wish
from tollhouse.ledger.records import Call, Resolved
from tollhouse.ledger.segments import JournalLimits
from tollhouse.ledger.worker import Worker, WorkerTerms, open_worker


@dataclass
class Told:
    """Who writes receipts in production: here, a list in the database's transaction and one in memory."""

    heard: list[Resolved] = field(default_factory=list)
    refuses: set[CallId] = field(default_factory=set)
    failures: int = 0
    """So many times the database is away."""

    async def tell(self, connection: Connection, resolved: Sequence[Resolved]) -> None:
        if self.failures:
            self.failures -= 1
            raise TimeoutError
        await connection.execute("SELECT 1")
        for one in resolved:
            if one.reserved.call.call_id in self.refuses:
                raise asyncpg.DataError("not to be told")
        self.heard += resolved

    @property
    def kinds(self) -> dict[CallId, str]:
        return {one.reserved.call.call_id: one.kind for one in self.heard}


@dataclass(frozen=True)
class Account:
    """A key's budget, to make wishes for."""

    customer_id: CustomerId
    key_id: KeyId
    budget_id: int

    def wish(self, nanos: int | None, *, floor: int | None = None, budgets: tuple[int, ...] | None = None) -> Wish:
        call = Call(new_call_id(), self.customer_id, self.key_id, None, None, "openai", "gpt-4o-mini", "v1")
        least = (nanos or 0) if floor is None else floor
        amount = None if nanos is None else Nanos(nanos)
        return Wish(call, (self.budget_id,) if budgets is None else budgets, amount, Nanos(least), b"opening")


async def account(database: Database, limit: int | None = None) -> Account:
    async with database.connection() as connection:
        made = await make_book(connection, limit)
        budget_id = await connection.fetchval("SELECT budget_id FROM ledger_budgets WHERE scope_id = $1", made.key_id)
    return Account(made.customer_id, made.key_id, budget_id)


def terms_of(data_dir: Path, told: Told, *, strict: bool = False, **till: Any) -> WorkerTerms:
    data_dir.mkdir(parents=True, exist_ok=True)
    return WorkerTerms(
        data_dir=data_dir,
        till=Terms(**({"flush_every_s": 0.05, "idle_s": 0.3, "wait_s": 0.4} | till)),
        journal=JournalLimits(segment_bytes=1 << 20, max_bytes=8 << 20, keep_s=0),
        cadence=Cadence(sync_s=0.005, strict=strict),
        silent_s=30,
        sweep_every_s=0.05,
        tell=told.tell,
    )


@asynccontextmanager
async def working(
    database: Database,
    data_dir: Path,
    told: Told | None = None,
    *,
    point: CrashPoint = crashpoints.none,
    closes_s: float = 5,
    **more: Any,
) -> AsyncIterator[Worker]:
    """A worker that serves; closed in order at the end, when calls that are still open count as never sent.

    `closes_s`: for workers whose flush the test keeps away, so that the end would wait for it in vain.
    """
    worker = await open_worker(terms_of(data_dir, told or Told(), **more), database, SystemClock(), point)
    running = asyncio.create_task(worker.keeper.run())
    try:
        yield worker
    finally:
        for call_id in tuple(worker.keeper.till.open):
            worker.keeper.settle(call_id, "void", Nanos(0))
        await worker.close(closes_s)
        running.cancel()
        await asyncio.wait([running])


async def abandon(worker: Worker) -> None:
    """As if the process were killed: nothing is finished, nothing said; only the lock is let go."""
    await worker.keeper.stop()
    worker.keeper.journal.close()
    worker.slot.release()


async def accounts(database: Database) -> list[tuple[int, int, int, int]]:
    """(spent, leased, doubt, overrun) of every account, by budget."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT spent_nanos, leased_nanos, doubt_nanos, overrun_nanos FROM ledger_accounts ORDER BY 1"
        )
    return [tuple(row) for row in rows]


async def entries(database: Database) -> dict[str, tuple[str, int]]:
    """(kind, cost) by call."""
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT call_id::text, kind, cost_nanos FROM ledger_entries")
    return {row["call_id"]: (row["kind"], row["cost_nanos"]) for row in rows}
