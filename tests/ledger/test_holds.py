"""The verbs of the road on real Postgres: refusals, repeats and races first."""

import asyncio
import random
from datetime import timedelta

import asyncpg
import pytest

from making import Book, book
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.ids import CallId
from tollhouse.foundation.money import Nanos
from tollhouse.ledger import budgets, holds
from tollhouse.ledger.budgets import Scope
from tollhouse.ledger.holds import Held, NotHeld, Settlement, SettlementKind

SILENT = timedelta(seconds=30)


async def held(made: Book, amount: int, *scopes: Scope) -> tuple[str, Held]:
    request = made.request(amount, *scopes)
    answer = await holds.reserve(made.connection, made.owner, request)
    assert isinstance(answer, Held)
    return request.call_id, answer


async def settle(made: Book, call_id: str, answer: Held, kind: SettlementKind, cost: int = 0) -> holds.Settled:
    settlement = Settlement(CallId(call_id), answer.day, kind, Nanos(cost))
    return (await holds.settle(made.connection, [settlement]))[0]


async def balance(made: Book, scope: Scope | None = None) -> budgets.Balance:
    scope = scope or Scope("key", made.key_id)
    found = await budgets.balances(made.connection, made.customer_id, scope.kind, [scope.id])
    return found[scope.id]


async def test_a_call_that_does_not_fit_changes_nothing_on_any_scope(connection: Connection) -> None:
    made = await book(connection, 1_000)
    team = await made.limit("team", "t1", 100)
    answer = await holds.reserve(connection, made.owner, made.request(101, Scope("key", made.key_id), team))
    assert isinstance(answer, NotHeld)
    assert (answer.tightest.scope, answer.tightest.left) == (team, 100)
    assert (await balance(made)).held == 0
    assert await connection.fetchval("SELECT count(*) FROM ledger_holds") == 0


async def test_a_hold_stands_on_every_scope_at_once(connection: Connection) -> None:
    made = await book(connection, 1_000)
    scopes = [await made.limit("team", "t1", 500), await made.limit("customer", made.customer_id, 900)]
    await held(made, 400, Scope("key", made.key_id), *scopes)
    for scope in (Scope("key", made.key_id), *scopes):
        assert (await balance(made, scope)).held == 400
    assert await budgets.audit(connection) == []


async def test_less_than_the_bound_is_granted_down_to_the_floor_and_not_below(connection: Connection) -> None:
    made = await book(connection, 1_000)
    await held(made, 700)
    short = await holds.reserve(connection, made.owner, made.request(500, floor=300))
    assert isinstance(short, Held)
    assert short.amount == 300
    assert isinstance(await holds.reserve(connection, made.owner, made.request(500, floor=1)), NotHeld)


async def test_a_call_without_a_price_passes_only_where_nothing_is_limited(connection: Connection) -> None:
    unlimited = await book(connection, None)
    assert isinstance(await holds.reserve(connection, unlimited.owner, unlimited.request(None)), Held)
    limited = await book(connection, 1_000)
    assert isinstance(await holds.reserve(connection, limited.owner, limited.request(None)), NotHeld)


async def test_reserving_twice_holds_once(connection: Connection) -> None:
    made = await book(connection, 1_000)
    request = made.request(400)
    first = await holds.reserve(connection, made.owner, request)
    again = await holds.reserve(connection, made.owner, request)
    assert isinstance(first, Held)
    assert isinstance(again, Held)
    assert (again.amount, again.day) == (first.amount, first.day)
    assert (await balance(made)).held == 400


async def test_settling_books_the_cost_and_gives_the_rest_back(connection: Connection) -> None:
    made = await book(connection, 1_000)
    call_id, answer = await held(made, 400)
    settled = await settle(made, call_id, answer, "exact", 150)
    assert (settled.outcome, settled.reserved, settled.cost, settled.overrun) == ("booked", 400, 150, 0)
    now = await balance(made)
    assert (now.spent, now.held, now.remaining) == (150, 0, 850)
    assert await budgets.audit(connection) == []


async def test_settling_again_changes_nothing(connection: Connection) -> None:
    made = await book(connection, 1_000)
    call_id, answer = await held(made, 400)
    await settle(made, call_id, answer, "exact", 150)
    assert (await settle(made, call_id, answer, "exact", 399)).outcome == "repeated"
    assert (await settle(made, call_id, answer, "void")).outcome == "repeated"
    assert (await balance(made)).spent == 150


async def test_a_void_gives_everything_back_and_leaves_no_entry(connection: Connection) -> None:
    made = await book(connection, 1_000)
    call_id, answer = await held(made, 400)
    assert (await settle(made, call_id, answer, "void", 0)).outcome == "voided"
    assert (await balance(made)).remaining == 1_000
    assert (
        await connection.fetchval("SELECT count(*) FROM ledger_entries WHERE customer_id = $1", made.customer_id) == 0
    )


async def test_the_same_call_twice_in_one_batch_is_booked_once(connection: Connection) -> None:
    made = await book(connection, 1_000)
    call_id, answer = await held(made, 400)
    twice = [Settlement(CallId(call_id), answer.day, "exact", Nanos(10))] * 2
    assert [item.outcome for item in await holds.settle(connection, twice)] == ["booked", "booked"]
    assert (await balance(made)).spent == 10


async def test_an_overrun_is_recorded_whole_and_does_not_count_as_a_breach(connection: Connection) -> None:
    made = await book(connection, 1_000)
    call_id, answer = await held(made, 1_000)
    settled = await settle(made, call_id, answer, "exact", 1_250)
    assert settled.overrun == 250
    assert (await balance(made)).spent == 1_250
    assert (await balance(made)).remaining == 0
    assert await budgets.audit(connection) == []


async def test_a_dead_workers_hold_is_charged_in_full_never_freed(connection: Connection) -> None:
    made = await book(connection, 1_000)
    call_id, _ = await held(made, 400)
    assert await holds.sweep(connection, SILENT, most=10) == []
    await holds.register(connection, made.owner.worker_id)
    swept = await holds.sweep(connection, SILENT, most=10)
    assert [(item.call_id, item.amount) for item in swept] == [(call_id, 400)]
    assert ((await balance(made)).spent, (await balance(made)).held) == (400, 0)
    kind = await connection.fetchval("SELECT kind FROM ledger_entries WHERE call_id = $1", call_id)
    assert kind == "in_doubt"
    assert await budgets.audit(connection) == []


async def test_a_silent_workers_hold_is_charged(connection: Connection) -> None:
    made = await book(connection, 1_000)
    await held(made, 400)
    await connection.execute("UPDATE ledger_workers SET seen_at = now() - interval '31 seconds'")
    assert len(await holds.sweep(connection, SILENT, most=10)) == 1


async def test_a_retired_workers_hold_is_charged_without_waiting(connection: Connection) -> None:
    made = await book(connection, 1_000)
    await held(made, 400)
    await holds.retire(connection, made.owner)
    assert len(await holds.sweep(connection, SILENT, most=10)) == 1


async def test_a_forgotten_hold_of_a_living_worker_is_charged_when_it_is_older_than_any_call(
    connection: Connection,
) -> None:
    made = await book(connection, 1_000)
    await held(made, 400)
    await connection.execute("UPDATE ledger_holds SET expires_at = now() - interval '1 second'")
    assert len(await holds.sweep(connection, SILENT, most=10)) == 1


async def test_the_sweep_takes_no_more_than_asked(connection: Connection) -> None:
    made = await book(connection, 1_000)
    for _ in range(3):
        await held(made, 1)
    await holds.retire(connection, made.owner)
    assert len(await holds.sweep(connection, SILENT, most=2)) == 2
    assert len(await holds.sweep(connection, SILENT, most=2)) == 1


@pytest.mark.parametrize(("kind", "known"), [("exact", 150), ("void", 0)])
async def test_the_truth_that_arrives_after_the_sweep_is_booked_as_an_adjustment_once(
    connection: Connection, kind: SettlementKind, known: int
) -> None:
    made = await book(connection, 1_000)
    call_id, answer = await held(made, 400)
    await holds.retire(connection, made.owner)
    await holds.sweep(connection, SILENT, most=10)
    settled = await settle(made, call_id, answer, kind, known)
    assert (settled.outcome, settled.cost) == ("adjusted", known - 400)
    assert (await settle(made, call_id, answer, kind, known)).outcome == "repeated"
    assert (await balance(made)).spent == known
    assert await budgets.audit(connection) == []


async def test_a_worker_that_lost_its_identity_is_told(connection: Connection) -> None:
    made = await book(connection, None)
    assert await holds.heartbeat(connection, made.owner)
    newer = await holds.register(connection, made.owner.worker_id)
    assert newer.epoch == made.owner.epoch + 1
    assert not await holds.heartbeat(connection, made.owner)


async def test_the_book_cannot_be_rewritten(connection: Connection) -> None:
    made = await book(connection, 1_000)
    call_id, answer = await held(made, 400)
    await settle(made, call_id, answer, "exact", 150)
    for statement in ("UPDATE ledger_entries SET cost_nanos = 0", "DELETE FROM ledger_entries"):
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await connection.execute(statement)


async def test_every_breach_shows_in_the_audit(connection: Connection) -> None:
    """The audit is only worth something if it is not always empty."""
    made = await book(connection, 1_000)
    call_id, answer = await held(made, 400)
    await settle(made, call_id, answer, "exact", 150)
    await connection.execute("UPDATE ledger_accounts SET held_nanos = 7, spent_nanos = spent_nanos + 900")
    breaches = {breach.what: breach.amount for breach in await budgets.audit(connection)}
    assert breaches == {"held differs from holds": 7, "spent differs from entries": 900, "over the limit": 57}


async def test_64_callers_never_hold_more_than_the_limits_and_never_deadlock(database: Database) -> None:
    """Three scopes in shuffled order, costs up to the bound: no account passes its limit at any moment."""
    chance = random.Random(7)
    async with database.connection() as connection:
        made = await book(connection, 60_000)
        scopes = [
            Scope("key", made.key_id),
            await made.limit("team", "t", 50_000),
            await made.limit("customer", made.customer_id, 55_000, "daily"),
        ]

    async def one_call() -> int:
        chosen = chance.sample(scopes, k=chance.randint(1, 3))
        async with database.connection() as connection:
            request = made.request(chance.randint(1, 1_000), *chosen)
            answer = await holds.reserve(connection, made.owner, request)
        if isinstance(answer, NotHeld):
            return 0
        async with database.connection() as connection:
            cost = Nanos(chance.randint(0, answer.amount))
            settled = await holds.settle(connection, [Settlement(request.call_id, answer.day, "exact", cost)])
        assert settled[0].outcome == "booked"
        return cost

    async def watch() -> int:
        polls = 0
        while not done.is_set():
            async with database.connection() as connection:
                assert await budgets.audit(connection) == []
            polls += 1
            await asyncio.sleep(0.01)
        return polls

    done = asyncio.Event()
    watcher = asyncio.create_task(watch())
    total = 0
    for _ in range(8):
        total += sum(await asyncio.gather(*(one_call() for _ in range(64))))
    done.set()
    assert await watcher > 0
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT sum(cost_nanos) FROM ledger_entries") == total
        assert (
            await connection.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == 0
        )
        assert await connection.fetchval("SELECT count(*) FROM ledger_holds") == 0


async def test_settle_and_sweep_racing_for_one_call_book_it_once(database: Database) -> None:
    async with database.connection() as connection:
        made = await book(connection, 1_000_000)
        calls = [await held(made, 1_000) for _ in range(40)]
        await holds.retire(connection, made.owner)

    async def settle_one(call_id: str, answer: Held) -> None:
        async with database.connection() as mine:
            await holds.settle(mine, [Settlement(CallId(call_id), answer.day, "exact", Nanos(10))])

    async def sweep() -> None:
        async with database.connection() as mine:
            await holds.sweep(mine, SILENT, most=5)

    await asyncio.gather(*(settle_one(*call) for call in calls), *(sweep() for _ in range(16)))
    async with database.connection() as connection:
        assert await budgets.audit(connection) == []
        assert await connection.fetchval("SELECT sum(cost_nanos) FROM ledger_entries") == 400
        assert await connection.fetchval("SELECT count(*) FROM ledger_entries WHERE kind <> 'adjust'") == 40
