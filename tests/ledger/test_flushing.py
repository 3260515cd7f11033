"""From the journal into the book: in order, once, and one bad record holds up no other."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from ledger.working import Told, account, accounts, entries, working
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.money import Nanos
from tollhouse.ledger import book, budgets, turns
from tollhouse.ledger.flushing import Flusher
from tollhouse.ledger.protocol import FlushBatch, FlushReply, Gap, Owner
from tollhouse.ledger.records import Reserved
from tollhouse.ledger.segments import JournalFailed
from tollhouse.ledger.turns import Turns
from tollhouse.ledger.worker import Worker


def nothing_more(*_args: object) -> tuple[()]:
    return ()


async def calls(worker: Worker, database: Database, count: int) -> list[str]:
    mine = await account(database, 1_000_000_000)
    made: list[str] = []
    for _ in range(count):
        reserved = await worker.keeper.hold(mine.wish(1000))
        assert isinstance(reserved, Reserved)
        worker.keeper.settle(reserved.call.call_id, "exact", Nanos(400), b"story")
        made.append(reserved.call.call_id)
    return made


async def test_a_record_that_the_book_refuses_is_buried_with_its_money_in_doubt(
    embedded_database: Database, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush, bad = book.flush, set[str]()

    async def picky(connection: Connection, caller: Owner, epoch: int, batch: FlushBatch, *rows: Any) -> FlushReply:
        if any(resolved.reserved.call.call_id in bad for resolved in batch.resolved):
            raise asyncpg.DataError("no such text")
        return await flush(connection, caller, epoch, batch, *rows)

    monkeypatch.setattr(book, "flush", picky)
    async with working(embedded_database, data_dir, Told(), flush_every_s=0.3) as worker:
        made = await calls(worker, embedded_database, 6)
        bad.add(made[2])
        await worker.keeper.drained()
        booked = await entries(embedded_database)
        assert set(booked) == set(made) - bad
        async with embedded_database.connection() as connection:
            letters = await connection.fetch("SELECT amount_nanos, error FROM ledger_dead_letters")
            assert await budgets.audit(connection) == []
        assert [(row["amount_nanos"], "no such text" in row["error"]) for row in letters] == [(400, True)]
    assert await accounts(embedded_database) == [(5 * 400, 0, 400, 0)]


async def test_what_is_refused_without_any_record_is_a_fault_of_ours(
    embedded_database: Database, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_args: object) -> None:
        raise ValueError("never")

    async with working(embedded_database, data_dir, heartbeat_s=60) as worker:
        owner = worker.keeper.owner
        flusher = Flusher(embedded_database, worker.keeper.journal, owner, owner.epoch, 0, Turns())
        with monkeypatch.context() as patched:
            patched.setattr(book, "flush", refuse)
            with pytest.raises(ValueError, match="never"):
                await flusher.flush(0, nothing_more)


async def test_after_a_gap_it_begins_where_the_book_says(embedded_database: Database, data_dir: Path) -> None:
    async with working(embedded_database, data_dir) as worker:
        await calls(worker, embedded_database, 3)
        await worker.keeper.drained()
        owner = worker.keeper.owner
        ahead = Flusher(embedded_database, worker.keeper.journal, owner, owner.epoch, 4, Turns())
        async with embedded_database.connection() as connection:
            await connection.execute("UPDATE ledger_marks SET acked_seq = 2")
        with pytest.raises(Gap) as gap:
            await ahead.flush(6, nothing_more)
        assert (gap.value.acked, ahead.acked) == (2, 2)
        reply, more = await ahead.flush(6, nothing_more)
        assert (reply.acked, more) == (6, False)


async def test_a_long_journal_is_told_in_pieces(
    embedded_database: Database, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "PIECE_RECORDS", 2)
    monkeypatch.setattr(turns, "MOST_PIECES", 2)
    async with working(embedded_database, data_dir, Told(), flush_every_s=0.3) as worker:
        made = await calls(worker, embedded_database, 20)
        await worker.keeper.drained()
        assert set(await entries(embedded_database)) == set(made)


async def test_a_journal_that_cannot_be_read_for_a_moment_skips_nothing(
    embedded_database: Database, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read before the trouble is read again."""
    monkeypatch.setattr(turns, "PIECE_RECORDS", 2)
    async with working(embedded_database, data_dir, flush_every_s=60, closes_s=0.1) as worker:
        made = await calls(worker, embedded_database, 6)
        last = await worker.keeper.journal.sync()
        owner = worker.keeper.owner
        flusher = Flusher(embedded_database, worker.keeper.journal, owner, owner.epoch, 0, Turns())
        read, reads = flusher._reader.read, 0

        def troubled(*args: Any) -> Any:
            nonlocal reads
            reads += 1
            if reads == 2:
                raise JournalFailed("no descriptors left")
            return read(*args)

        monkeypatch.setattr(flusher._reader, "read", troubled)
        with pytest.raises(JournalFailed):
            await flusher.flush(last, nothing_more)
        await flusher.flush(last, nothing_more)
        assert set(await entries(embedded_database)) == set(made)


async def test_two_flushers_of_one_epoch_do_no_harm(embedded_database: Database, data_dir: Path) -> None:
    """A repeat of a batch that the book has is no second batch."""
    async with working(embedded_database, data_dir, flush_every_s=60, closes_s=0.1) as worker:
        made = await calls(worker, embedded_database, 5)
        last = await worker.keeper.journal.sync()
        owner = worker.keeper.owner

        async def flush() -> Any:
            return await Flusher(embedded_database, worker.keeper.journal, owner, owner.epoch, 0, Turns()).flush(
                last, nothing_more
            )

        replies = await asyncio.gather(*(flush() for _ in range(3)))
        assert {reply.acked for reply, _ in replies} == {last}
        assert set(await entries(embedded_database)) == set(made)
