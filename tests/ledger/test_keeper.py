"""The keeper carries out what the till decides: on files, on a real book, and when one of them is away."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ledger.working import Account, Told, abandon, account, accounts, entries, terms_of, working
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.clock import SystemClock
from tollhouse.foundation.errors import StartupError, Unavailable
from tollhouse.foundation.money import Nanos
from tollhouse.ledger import book, budgets, crashpoints, keeper
from tollhouse.ledger.budgets import Scope, set_budget
from tollhouse.ledger.records import Reserved
from tollhouse.ledger.segments import JournalError
from tollhouse.ledger.till import Refuse
from tollhouse.ledger.worker import Worker, open_worker
from waiting import PATIENCE_S, eventually, until

DOLLAR = 1_000_000_000


class Away:
    """The real database, which can be away, or lose its answers."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.away = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        if self.away:
            raise Unavailable("away")
        async with self.database.connection() as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with self.connection() as connection, connection.transaction():
            yield connection


async def held(worker: Worker, of: Account, nanos: int, **more: Any) -> Reserved:
    answer = await worker.keeper.hold(of.wish(nanos, **more))
    assert isinstance(answer, Reserved)
    return answer


async def refused(worker: Worker, of: Account, nanos: int | None, **more: Any) -> Refuse:
    answer = await worker.keeper.hold(of.wish(nanos, **more))
    assert isinstance(answer, Refuse)
    return answer


async def test_a_call_is_held_settled_booked_and_told_once(database: Database, data_dir: Path) -> None:
    told = Told()
    mine = await account(database, DOLLAR)
    async with working(database, data_dir, told) as worker:
        reserved = await held(worker, mine, 1000)
        assert reserved.amount == 1000
        for _ in range(2):
            worker.keeper.settle(reserved.call.call_id, "exact", Nanos(400), b"story")
        await worker.keeper.drained()
        assert await entries(database) == {reserved.call.call_id: ("exact", 400)}
    assert [(one.kind, one.note) for one in told.heard] == [("exact", b"story")]
    assert await accounts(database) == [(400, 0, 0, 0)]
    async with database.connection() as connection:
        assert await budgets.audit(connection) == []


async def test_most_calls_need_no_word_of_the_book(embedded_database: Database, data_dir: Path) -> None:
    mine = await account(embedded_database, 1000 * DOLLAR)
    async with working(embedded_database, data_dir) as worker:
        for _ in range(300):
            reserved = await held(worker, mine, 1000)
            worker.keeper.settle(reserved.call.call_id, "exact", Nanos(900))
        async with embedded_database.connection() as connection:
            orders = await connection.fetchval("SELECT max(grant_number) FROM ledger_marks")
        assert 1 <= orders <= 10
    assert await accounts(embedded_database) == [(270_000, 0, 0, 0)]


async def test_a_spent_budget_refuses_at_once_and_names_itself(embedded_database: Database, data_dir: Path) -> None:
    mine = await account(embedded_database, 1000)
    async with working(embedded_database, data_dir) as worker:
        reserved = await held(worker, mine, 900)
        worker.keeper.settle(reserved.call.call_id, "exact", Nanos(900))
        await worker.keeper.drained()
        answer = await refused(worker, mine, 101)
        assert answer.verdict == "spent"
        assert answer.standing is not None
        assert (answer.standing.scope, answer.standing.limit) == (Scope("key", mine.key_id), 1000)
        assert (await held(worker, mine, 100)).amount == 100


async def test_money_in_flight_is_waited_for_and_then_contended(embedded_database: Database, data_dir: Path) -> None:
    mine = await account(embedded_database, 1000)
    async with working(embedded_database, data_dir) as worker:
        first = await held(worker, mine, 1000)
        assert (await refused(worker, mine, 600)).verdict == "contended"
        waiting = asyncio.create_task(held(worker, mine, 600))
        await asyncio.sleep(0.05)
        worker.keeper.settle(first.call.call_id, "exact", Nanos(300))
        assert (await waiting).amount == 600


async def test_the_rest_is_taken_when_a_floor_allows_it(embedded_database: Database, data_dir: Path) -> None:
    mine = await account(embedded_database, 1000)
    async with working(embedded_database, data_dir) as worker:
        assert (await held(worker, mine, 5000, floor=200)).amount == 1000


async def test_a_model_without_a_price_passes_only_where_nothing_is_limited(
    embedded_database: Database, data_dir: Path
) -> None:
    limited, free = await account(embedded_database, DOLLAR), await account(embedded_database)
    async with working(embedded_database, data_dir) as worker:
        assert (await refused(worker, limited, None)).verdict == "spent"
        answer = await worker.keeper.hold(free.wish(None))
        assert isinstance(answer, Reserved)
        assert answer.amount == 0


async def test_two_workers_share_one_budget_to_the_last_nano(database: Database, tmp_path: Path) -> None:
    mine = await account(database, 10_000)
    async with working(database, tmp_path / "a") as a, working(database, tmp_path / "b") as b:

        async def calls(worker: Worker) -> int:
            passed = 0
            while True:
                answer = await worker.keeper.hold(mine.wish(100))
                if isinstance(answer, Refuse):
                    if answer.verdict == "spent":
                        return passed
                    continue
                await asyncio.sleep(0.001)
                worker.keeper.settle(answer.call.call_id, "exact", Nanos(100))
                passed += 1

        passed = await asyncio.gather(*(calls(worker) for worker in (a, b, a, b)))
        assert sum(passed) == 100
    assert await accounts(database) == [(10_000, 0, 0, 0)]
    async with database.connection() as connection:
        assert await budgets.audit(connection) == []


async def test_it_knows_how_far_the_book_is_behind(embedded_database: Database, data_dir: Path) -> None:
    told = Told()
    mine = await account(embedded_database, DOLLAR)
    away = Away(embedded_database)
    async with working(away, data_dir, told) as worker:  # type: ignore[arg-type]
        reserved = await held(worker, mine, 1000)
        away.away = True
        worker.keeper.settle(reserved.call.call_id, "exact", Nanos(100))
        assert worker.keeper.unflushed == worker.keeper.journal.last - worker.keeper.flushed > 0
        away.away = False
        await until(lambda: worker.keeper.unflushed == worker.keeper.untold == 0)


async def test_a_caller_who_leaves_while_waiting_leaves_nothing(embedded_database: Database, data_dir: Path) -> None:
    mine = await account(embedded_database, 1000)
    async with working(embedded_database, data_dir) as worker:
        first = await held(worker, mine, 1000)
        waiting = asyncio.create_task(worker.keeper.hold(mine.wish(10)))
        await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert worker.keeper.till.waiting == 0
        worker.keeper.settle(first.call.call_id, "void", Nanos(0))
    assert await accounts(embedded_database) == [(0, 0, 0, 0)]
    assert await entries(embedded_database) == {}


async def test_a_caller_who_leaves_the_moment_money_comes_gives_it_back(
    embedded_database: Database, data_dir: Path
) -> None:
    mine = await account(embedded_database, DOLLAR)
    async with working(embedded_database, data_dir) as worker:
        calls = [asyncio.create_task(worker.keeper.hold(mine.wish(10))) for _ in range(20)]
        while not worker.keeper.till.open:
            await asyncio.sleep(0)
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        assert not worker.keeper.till.open
    assert await accounts(embedded_database) == [(0, 0, 0, 0)]


async def test_with_the_database_away_leased_calls_go_on_and_nothing_is_lost(
    embedded_database: Database, data_dir: Path
) -> None:
    away = Away(embedded_database)
    mine = await account(embedded_database, 1000 * DOLLAR)
    async with working(away, data_dir) as worker:  # type: ignore[arg-type]
        await held(worker, mine, 1000)
        await asyncio.sleep(0.3)
        away.away = True
        passed = 0
        while isinstance(answer := await worker.keeper.hold(mine.wish(1000)), Reserved):
            worker.keeper.settle(answer.call.call_id, "exact", Nanos(1000))
            passed += 1
        assert passed > 0
        assert answer.verdict is None
        assert len(await entries(embedded_database)) <= 1
        away.away = False
        await worker.keeper.drained()
        assert len(await entries(embedded_database)) == passed
        while isinstance(await worker.keeper.hold(mine.wish(1000)), Refuse):
            await asyncio.sleep(0.05)
        for call_id in list(worker.keeper.till.open):
            worker.keeper.settle(call_id, "exact", Nanos(0))
    assert await accounts(embedded_database) == [(passed * 1000, 0, 0, 0)]


async def test_a_lost_answer_of_the_book_does_no_harm(
    embedded_database: Database, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every second grant and flush is committed and its answer lost."""
    mine = await account(embedded_database, 100_000)

    def forgetful(verb: Any) -> Any:
        turn = 0

        async def lose(*args: Any) -> Any:
            nonlocal turn
            answer = await verb(*args)
            turn += 1
            if turn % 2:
                raise TimeoutError
            return answer

        return lose

    monkeypatch.setattr(book, "grant", forgetful(book.grant))
    monkeypatch.setattr(book, "flush", forgetful(book.flush))
    async with working(embedded_database, data_dir, wait_s=3.0) as worker:
        for _ in range(20):
            reserved = await held(worker, mine, 1000)
            worker.keeper.settle(reserved.call.call_id, "exact", Nanos(777))
    assert await accounts(embedded_database) == [(20 * 777, 0, 0, 0)]
    assert len(await entries(embedded_database)) == 20
    async with embedded_database.connection() as connection:
        assert await budgets.audit(connection) == []


async def test_a_journal_that_takes_no_records_admits_nothing_and_loses_no_outcome(
    embedded_database: Database, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = await account(embedded_database, DOLLAR)
    async with working(embedded_database, data_dir) as worker:
        reserved = await held(worker, mine, 1000)
        append = worker.keeper.journal.append

        tries = 0

        def full(_record: object) -> int:
            nonlocal tries
            tries += 1
            raise JournalError("full")

        monkeypatch.setattr(worker.keeper.journal, "append", full)
        worker.keeper.settle(reserved.call.call_id, "exact", Nanos(5))
        assert (await refused(worker, mine, 1000)).verdict is None
        assert not worker.keeper.till.open
        tried = tries
        await until(lambda: tries != tried)
        monkeypatch.setattr(worker.keeper.journal, "append", append)
        await eventually(lambda: entries(embedded_database))
        again = await held(worker, mine, 1000)
        worker.keeper.settle(again.call.call_id, "exact", Nanos(7))
    assert await accounts(embedded_database) == [(12, 0, 0, 0)]


async def test_strict_waits_until_the_reservation_is_durable(
    embedded_database: Database, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = await account(embedded_database, DOLLAR)
    async with working(embedded_database, data_dir, strict=True) as worker:
        reserved = await held(worker, mine, 1000)
        assert worker.keeper.journal.synced >= 1
        worker.keeper.settle(reserved.call.call_id, "exact", Nanos(5))
        started, goes_on = asyncio.Event(), asyncio.Event()
        sync = worker.keeper.journal.sync

        async def slow() -> int:
            started.set()
            await goes_on.wait()
            return await sync()

        monkeypatch.setattr(worker.keeper.journal, "sync", slow)
        waiting = asyncio.create_task(worker.keeper.hold(mine.wish(1000)))
        await started.wait()
        await asyncio.sleep(0.02)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert not worker.keeper.till.open
        goes_on.set()

        async def failing() -> int:
            raise JournalError("no disk")

        monkeypatch.setattr(worker.keeper.journal, "sync", failing)
        assert (await refused(worker, mine, 1000)).verdict is None
        monkeypatch.setattr(worker.keeper.journal, "sync", sync)
    assert await accounts(embedded_database) == [(5, 0, 0, 0)]


async def test_who_was_replaced_stops(embedded_database: Database, data_dir: Path) -> None:
    async with working(embedded_database, data_dir) as worker:
        running = asyncio.create_task(worker.keeper.run())
        async with embedded_database.connection() as connection:
            await book.register(connection, worker.slot.worker_id)
        with pytest.raises(StartupError, match="identity"):
            await asyncio.wait_for(running, PATIENCE_S)
        assert not await worker.keeper.close(0.1)


async def test_a_lowered_budget_calls_back_what_is_idle(embedded_database: Database, data_dir: Path) -> None:
    mine = await account(embedded_database, 1000 * DOLLAR)
    async with working(embedded_database, data_dir, idle_s=60) as worker:
        reserved = await held(worker, mine, 1000)
        worker.keeper.settle(reserved.call.call_id, "exact", Nanos(1000))
        assert (await accounts(embedded_database))[0][1] > 0
        async with embedded_database.transaction() as connection:
            await set_budget(connection, mine.customer_id, Scope("key", mine.key_id), Nanos(1500), None)
        worker.keeper.hear(f"changed:{mine.budget_id}")
        worker.keeper.hear(f"wanted:{mine.budget_id}")

        async def all_is_back() -> bool:
            return await accounts(embedded_database) == [(1000, 0, 0, 0)]

        await eventually(all_is_back)
        assert (await refused(worker, mine, 1000)).verdict == "spent"
        assert (await held(worker, mine, 500)).amount == 500


async def test_a_story_that_cannot_be_told_holds_up_no_other(embedded_database: Database, data_dir: Path) -> None:
    told = Told()
    mine = await account(embedded_database, DOLLAR)
    async with working(embedded_database, data_dir, told) as worker:
        calls = [await held(worker, mine, 1000) for _ in range(5)]
        told.refuses = {calls[2].call.call_id}
        for reserved in calls:
            worker.keeper.settle(reserved.call.call_id, "exact", Nanos(1), os.urandom(4))
        await worker.keeper.drained()
    assert set(told.kinds) == {reserved.call.call_id for reserved in calls} - told.refuses
    assert len(await entries(embedded_database)) == 5


async def test_stories_wait_for_a_database_that_is_away(
    embedded_database: Database, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "OUTBOX_AGAIN_S", 0.01)
    told = Told(failures=3)
    mine = await account(embedded_database, DOLLAR)
    async with working(embedded_database, data_dir, told) as worker:
        reserved = await held(worker, mine, 1000)
        worker.keeper.settle(reserved.call.call_id, "exact", Nanos(1), b"story")
        await worker.keeper.drained()
    assert told.failures == 0
    assert set(told.kinds) == {reserved.call.call_id}


async def test_what_is_booked_and_told_is_forgotten_by_and_by(
    embedded_database: Database, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "_FORGET_EVERY_S", 0.0)
    forgotten: list[int] = []
    mine = await account(embedded_database, DOLLAR)
    async with working(embedded_database, data_dir) as worker:
        monkeypatch.setattr(worker.keeper.journal, "forget", lambda through, _now: forgotten.append(through))
        reserved = await held(worker, mine, 1000)
        worker.keeper.settle(reserved.call.call_id, "exact", Nanos(1), b"story")
        await worker.keeper.drained()
        await until(lambda: worker.keeper.journal.last in forgotten)


async def test_a_failure_that_nobody_expected_ends_the_worker_as_it_is(
    embedded_database: Database, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_args: object) -> None:
        raise ZeroDivisionError

    mine = await account(embedded_database, DOLLAR)
    worker = await open_worker(terms_of(data_dir, Told()), embedded_database, SystemClock(), crashpoints.none)
    monkeypatch.setattr(book, "grant", fail)
    holding = asyncio.create_task(worker.keeper.hold(mine.wish(1000)))
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(worker.keeper.run(), PATIENCE_S)
    holding.cancel()
    await asyncio.wait([holding])
    await abandon(worker)


async def test_a_worker_that_is_told_to_stop_before_it_ran_closes_at_once(
    embedded_database: Database, data_dir: Path
) -> None:
    worker = await open_worker(terms_of(data_dir, Told()), embedded_database, SystemClock(), crashpoints.none)
    assert await worker.keeper.close(5)
    worker.slot.release()


async def test_a_keeper_that_never_ran_can_be_stopped(embedded_database: Database, data_dir: Path) -> None:
    worker = await open_worker(terms_of(data_dir, Told()), embedded_database, SystemClock(), crashpoints.none)
    await abandon(worker)


async def test_a_journal_that_cannot_be_made_durable_ends_the_worker(
    embedded_database: Database, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a failed sync dropped cannot be known: a successor begins a new journal, this one takes nothing any more."""
    mine = await account(embedded_database, DOLLAR)
    async with working(embedded_database, data_dir) as worker:
        reserved = await held(worker, mine, 1000)
        running = asyncio.create_task(worker.keeper.run())

        def fail(_file: int) -> None:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(os, "fdatasync", fail)
        worker.keeper.settle(reserved.call.call_id, "exact", Nanos(5))
        with pytest.raises(StartupError, match="journal is broken"):
            await asyncio.wait_for(running, PATIENCE_S)
        assert (await refused(worker, mine, 1000)).verdict is None


async def test_a_call_that_names_a_budget_the_book_forgot_is_refused_and_others_are_not(
    embedded_database: Database, data_dir: Path
) -> None:
    mine = await account(embedded_database, DOLLAR)
    async with working(embedded_database, data_dir) as worker:
        lost = asyncio.create_task(worker.keeper.hold(mine.wish(10, budgets=(mine.budget_id, mine.budget_id + 1000))))
        await asyncio.sleep(0)
        assert (await held(worker, mine, 10)).amount == 10
        answer = await lost
        assert isinstance(answer, Refuse)
        assert answer.verdict is None
