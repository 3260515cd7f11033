"""Identities on this machine, and the loop that says we live and charges what the dead left."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from making import ManualClock, book
from tollhouse.db.pool import Database
from tollhouse.foundation.errors import StartupError
from tollhouse.gateway import recovery
from tollhouse.gateway.recovery import Slot, Sweeper, take_identity
from tollhouse.ledger import holds


def test_two_workers_have_two_identities_and_a_freed_one_is_taken_again(tmp_path: Path) -> None:
    first, second = Slot(tmp_path), Slot(tmp_path)
    assert first.worker_id != second.worker_id
    gone = first.worker_id
    first.release()
    third = Slot(tmp_path)
    assert third.worker_id == gone


def test_slots_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "MAX_SLOTS", 1)
    held = Slot(tmp_path)
    with pytest.raises(StartupError, match="in use"):
        Slot(tmp_path)
    held.release()


async def test_a_successor_charges_what_its_predecessor_held(database: Database, tmp_path: Path) -> None:
    slot = Slot(tmp_path)
    before = await take_identity(database, slot)
    async with database.connection() as connection:
        made = await book(connection, None)
        made.owner = before
        for _ in range(3):
            await holds.reserve(connection, before, made.request(100))
    after = await take_identity(database, slot)
    assert after.epoch == before.epoch + 1
    sweeper = Sweeper(database, ManualClock(), after, silent_s=30, every_s=0.01)
    assert await sweeper.sweep() == 3
    assert await sweeper.sweep() == 0
    async with database.connection() as connection:
        receipts = await connection.fetch("SELECT outcome, cost_nanos, entry_kind FROM receipts")
        spans = await connection.fetchval("SELECT count(*) FROM telemetry_spans WHERE status = 2")
    assert [tuple(row) for row in receipts] == [("lost", 100, "in_doubt")] * 3
    assert spans == 3


async def test_many_are_charged_in_several_turns(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "SWEPT_AT_ONCE", 2)
    owner = await take_identity(database, Slot(tmp_path))
    async with database.connection() as connection:
        made = await book(connection, None)
        for _ in range(5):
            await holds.reserve(connection, made.owner, made.request(1))
        await holds.retire(connection, made.owner)
    assert await Sweeper(database, ManualClock(), owner, silent_s=30, every_s=1).sweep() == 5


async def test_the_loop_keeps_its_worker_alive_and_ends_when_the_identity_is_taken(
    database: Database, tmp_path: Path
) -> None:
    slot = Slot(tmp_path)
    owner = await take_identity(database, slot)
    loop = asyncio.create_task(Sweeper(database, ManualClock(), owner, silent_s=30, every_s=0.01).run())
    async with database.connection() as connection:
        await connection.execute("UPDATE ledger_workers SET seen_at = now() - interval '1 hour'")
        for _ in range(200):
            age = await connection.fetchval("SELECT now() - seen_at FROM ledger_workers")
            if age < timedelta(minutes=1):
                break
            await asyncio.sleep(0.01)
        assert age < timedelta(minutes=1)
    await take_identity(database, slot)
    with pytest.raises(StartupError, match="identity"):
        await asyncio.wait_for(loop, 5)


async def test_the_loop_outlives_a_database_that_fails(database: Database, tmp_path: Path) -> None:
    owner = await take_identity(database, Slot(tmp_path))
    loop = asyncio.create_task(Sweeper(database, ManualClock(), owner, silent_s=30, every_s=0.01).run())
    async with database.connection() as connection:
        await connection.execute("ALTER FUNCTION ledger_sweep RENAME TO ledger_sweep_away")
        await asyncio.sleep(0.1)
        assert not loop.done()
        await connection.execute("ALTER FUNCTION ledger_sweep_away RENAME TO ledger_sweep")
    loop.cancel()
