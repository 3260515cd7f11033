"""What a dead worker left is finished by whoever holds its slot: in doubt what was open, back what was idle."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ledger.working import Told, abandon, account, accounts, entries, terms_of, working
from tollhouse.db.pool import Database
from tollhouse.foundation.clock import SystemClock
from tollhouse.foundation.money import Nanos
from tollhouse.ledger import book, budgets, recovery, segments, slots, turns
from tollhouse.ledger.janitor import Janitor
from tollhouse.ledger.protocol import FlushReply, Gap
from tollhouse.ledger.records import Reserved
from tollhouse.ledger.recovery import Successor, succeed
from tollhouse.ledger.worker import Worker, open_worker
from waiting import eventually, until

DOLLAR = 1_000_000_000


async def died_with(database: Database, data_dir: Path, told: Told, *, settled: int, opened: int) -> list[Reserved]:
    """A worker that was killed: calls it settled, calls that were open, and an idle lease."""
    mine = await account(database, 1000 * DOLLAR)
    worker = await serving(database, data_dir, told)
    calls = []
    for number in range(settled + opened):
        answer = await worker.keeper.hold(mine.wish(1000))
        assert isinstance(answer, Reserved)
        calls.append(answer)
        if number < settled:
            worker.keeper.settle(answer.call.call_id, "exact", Nanos(10), b"story")
    await abandon(worker)
    return calls


async def serving(database: Database, data_dir: Path, told: Told) -> Worker:
    return await open_worker(terms_of(data_dir, told, flush_every_s=60), database, SystemClock(), lambda _point: None)


async def leased(database: Database) -> int:
    return sum(row[1] for row in await accounts(database))


async def test_a_successor_charges_what_was_open_and_gives_back_the_rest(database: Database, data_dir: Path) -> None:
    told = Told()
    calls = await died_with(database, data_dir, told, settled=3, opened=2)
    assert await leased(database) > 0
    async with working(database, data_dir, told):
        assert await accounts(database) == [(3 * 10 + 2 * 1000, 0, 0, 0)]
        booked = await entries(database)
        assert [booked[reserved.call.call_id] for reserved in calls] == [("exact", 10)] * 3 + [("in_doubt", 1000)] * 2
    assert [told.kinds[reserved.call.call_id] for reserved in calls] == ["exact"] * 3 + ["in_doubt"] * 2
    assert [one.reserved.note for one in told.heard if one.kind == "in_doubt"] == [b"opening"] * 2
    async with database.connection() as connection:
        assert await budgets.audit(connection) == []


async def test_after_a_power_cut_the_rest_stays_in_doubt(
    database: Database, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await died_with(database, data_dir, Told(), settled=1, opened=1)
    before = await leased(database)
    monkeypatch.setattr(slots, "boot_id", lambda: "another boot")
    monkeypatch.setattr(recovery, "boot_id", lambda: "another boot")
    async with working(database, data_dir):
        assert await accounts(database) == [(1010, 0, before - 1010, 0)]
    async with database.connection() as connection:
        assert await budgets.audit(connection) == []


async def test_a_journal_that_is_gone_leaves_everything_in_doubt(database: Database, data_dir: Path) -> None:
    await died_with(database, data_dir, Told(), settled=1, opened=1)
    before = await leased(database)
    for path in (data_dir / "workers" / "0" / "journal").iterdir():
        path.unlink()
    async with working(database, data_dir):
        assert await accounts(database) == [(0, 0, before, 0)]


async def test_recovery_can_be_killed_at_any_point_and_done_again(embedded_database: Database, data_dir: Path) -> None:
    told = Told()
    calls = await died_with(embedded_database, data_dir, told, settled=5, opened=5)

    class Killed(BaseException):
        pass

    kills = 0

    def point(_name: str) -> None:
        # Every attempt is killed at the first point it passes; the last ones are left alone.
        nonlocal kills
        if kills < 12:
            kills += 1
            raise Killed

    while True:
        slot = slots.take(data_dir)
        successor = Successor(embedded_database, told.tell, terms_of(data_dir, told).journal, 0.0, point)
        try:
            await succeed(slot, successor)
            break
        except Killed:
            continue
        finally:
            slot.release()
    assert kills == 12
    booked = await entries(embedded_database)
    assert [booked[reserved.call.call_id][0] for reserved in calls] == ["exact"] * 5 + ["in_doubt"] * 5
    assert await accounts(embedded_database) == [(5 * 10 + 5 * 1000, 0, 0, 0)]
    assert set(told.kinds) == {reserved.call.call_id for reserved in calls}


async def test_a_book_that_forgot_commits_hears_everything_again(database: Database, data_dir: Path) -> None:
    """A fail-over to a server that lacks the last commits: the journal still has them."""
    mine = await account(database, 1000 * DOLLAR)
    async with working(database, data_dir) as worker:
        calls = []
        for _ in range(4):
            answer = await worker.keeper.hold(mine.wish(1000))
            assert isinstance(answer, Reserved)
            worker.keeper.settle(answer.call.call_id, "exact", Nanos(100))
            calls.append(answer.call.call_id)
        await worker.keeper.drained()
        async with database.connection() as connection:
            await connection.execute("ALTER TABLE ledger_entries DISABLE TRIGGER ledger_entries_append_only")
            await connection.execute("DELETE FROM ledger_entries")
            await connection.execute("UPDATE ledger_marks SET acked_seq = 0")
            await connection.execute("UPDATE ledger_leases SET settled = 0, granted = 0, returned = 0")
            await connection.execute("UPDATE ledger_accounts SET spent_nanos = 0, leased_nanos = 0")
        answer = await worker.keeper.hold(mine.wish(1000))
        assert isinstance(answer, Reserved)
        worker.keeper.settle(answer.call.call_id, "exact", Nanos(100))

        async def all_are_back() -> bool:
            return len(await entries(database)) >= 5

        await eventually(all_are_back)
    assert set(await entries(database)) == {*calls, answer.call.call_id}
    assert await accounts(database) == [(500, 0, 0, 0)]
    async with database.connection() as connection:
        assert await budgets.audit(connection) == []


async def test_a_book_that_leaves_a_gap_is_followed_but_not_for_ever(
    embedded_database: Database, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, flush, gaps = Told(), book.flush, 0
    await died_with(embedded_database, data_dir, told, settled=2, opened=1)

    async def gapping(*args: Any) -> FlushReply:
        nonlocal gaps
        if gaps:
            gaps -= 1
            raise Gap(0)
        return await flush(*args)

    monkeypatch.setattr(book, "flush", gapping)
    gaps = 100
    with pytest.raises(Gap):
        await serving(embedded_database, data_dir, told)
    gaps = 3
    await abandon(await serving(embedded_database, data_dir, told))
    assert sorted(kind for kind, _ in (await entries(embedded_database)).values()) == ["exact", "exact", "in_doubt"]


async def test_a_long_story_of_a_dead_worker_is_told_in_pieces(
    embedded_database: Database, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told()
    calls = await died_with(embedded_database, data_dir, told, settled=5, opened=1)
    monkeypatch.setattr(turns, "PIECE_RECORDS", 1)
    monkeypatch.setattr(turns, "MOST_PIECES", 2)
    await abandon(await serving(embedded_database, data_dir, told))
    assert set(told.kinds) == {reserved.call.call_id for reserved in calls}


async def test_a_living_sibling_finishes_a_deserted_slot(database: Database, data_dir: Path) -> None:
    told = Told()
    async with working(database, data_dir, told) as sibling:
        calls = await died_with(database, data_dir, told, settled=1, opened=1)
        await sibling.janitor.finish_deserted()
        assert set(told.kinds) == {reserved.call.call_id for reserved in calls}
        assert await leased(database) == 0
        assert not list(slots.deserted(data_dir))
        await sibling.janitor.finish_deserted()


async def test_a_silent_worker_is_doubted_and_believed_again_when_it_speaks(
    database: Database, data_dir: Path, tmp_path: Path
) -> None:
    mine = await account(database, 1000 * DOLLAR)
    async with working(database, tmp_path / "elsewhere", heartbeat_s=60) as quiet:
        answer = await quiet.keeper.hold(mine.wish(1000))
        assert isinstance(answer, Reserved)
        before = await leased(database)
        async with database.connection() as connection:
            await connection.execute("UPDATE ledger_marks SET seen_at = now() - interval '1 hour'")
        async with working(database, data_dir) as sibling:
            await sibling.janitor.doubt_silent()
            assert await accounts(database) == [(0, 0, before, 0)]
            quiet.keeper.settle(answer.call.call_id, "exact", Nanos(1))
            await quiet.close(5)
            assert await accounts(database) == [(1, 0, 0, 0)]


async def test_the_database_is_asked_less_often_than_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    janitor = Janitor(tmp_path, lambda: pytest.fail("nobody is succeeded"), silent_s=0.02, every_s=0.001)
    seen: list[str] = []

    async def look() -> None:
        seen.append("disk")
        if seen.count("disk") > 4:
            raise asyncio.CancelledError

    async def ask() -> None:
        seen.append("database")

    monkeypatch.setattr(janitor, "finish_deserted", look)
    monkeypatch.setattr(janitor, "doubt_silent", ask)
    with pytest.raises(asyncio.CancelledError):
        await janitor.run()
    assert seen == ["disk", "database", "disk", "disk", "database", "disk", "disk"]


async def test_the_janitor_goes_on_after_failures(
    embedded_database: Database, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = 0

    def failing(*_args: object) -> list[str]:
        nonlocal rounds
        rounds += 1
        raise TimeoutError

    async with working(embedded_database, data_dir) as worker:
        monkeypatch.setattr(slots, "deserted", failing)
        loop = asyncio.create_task(worker.janitor.run())
        await until(lambda: rounds >= 2)
        loop.cancel()
        await asyncio.wait([loop])


async def test_an_outcome_of_a_dead_worker_that_cannot_be_told_is_no_obstacle(
    embedded_database: Database, data_dir: Path
) -> None:
    told = Told()
    calls = await died_with(embedded_database, data_dir, told, settled=2, opened=1)
    told.refuses = {calls[0].call.call_id}
    async with working(embedded_database, data_dir, told):
        assert len(await entries(embedded_database)) == 3
    assert set(told.kinds) == {calls[1].call.call_id, calls[2].call.call_id}


async def test_the_successor_of_a_clean_stop_has_nothing_to_do(embedded_database: Database, data_dir: Path) -> None:
    told = Told()
    mine = await account(embedded_database, DOLLAR)
    async with working(embedded_database, data_dir, told) as worker:
        answer = await worker.keeper.hold(mine.wish(1000))
        assert isinstance(answer, Reserved)
        worker.keeper.settle(answer.call.call_id, "exact", Nanos(10))
        journal = worker.slot.journal
    assert len(segments.epochs(journal)) == 1
    async with working(embedded_database, data_dir, told):
        assert await accounts(embedded_database) == [(10, 0, 0, 0)]
    assert [one.kind for one in told.heard] == ["exact"]


async def test_a_slot_is_free_again_when_the_start_fails(
    embedded_database: Database, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_args: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(book, "register", fail)
    with pytest.raises(TimeoutError):
        await serving(embedded_database, data_dir, Told())
    assert [slot.worker_id for slot in slots.deserted(data_dir)]
