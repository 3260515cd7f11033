"""Day partitions are opened ahead, once, and a day that began in the default partition stays there."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from making import book
from tollhouse.db import partitions
from tollhouse.db.pool import Database
from tollhouse.ledger import budgets
from waiting import eventually

ALL = sum(late_days + partitions.DAYS_AHEAD for late_days in partitions.LATE_DAYS.values())


@pytest.fixture
async def database(database: Database) -> Database:
    """Without the partitions of days that an earlier test may have opened in it."""
    async with database.connection() as connection:
        days = await connection.fetch(
            "SELECT inhrelid::regclass::text AS day FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid"
            " WHERE c.relispartition AND c.relkind = 'r' AND c.relname NOT LIKE '%default'"
        )
        for row in days:
            await connection.execute(f"DROP TABLE {row['day']}")
    return database


async def one_entry(database: Database) -> str:
    """Book one call; returns the partition it lies in."""
    async with database.connection() as connection:
        made = await book(connection, None)
        reserved = await made.spend(10)
        assert await budgets.audit(connection) == []
        return str(
            await connection.fetchval(
                "SELECT tableoid::regclass::text FROM ledger_entries WHERE call_id = $1", reserved.call.call_id
            )
        )


async def test_opened_once_whoever_asks(database: Database) -> None:
    assert sum(await asyncio.gather(*(partitions.open_days(database) for _ in range(4)))) == ALL
    assert await partitions.open_days(database) == 0
    assert await one_entry(database) == f"ledger_entries_{datetime.now(UTC):%Y%m%d}"


async def test_a_day_that_began_without_its_partition_stays_in_the_default_one(database: Database) -> None:
    assert await one_entry(database) == "ledger_entries_default"
    assert await partitions.open_days(database) == ALL - 1
    assert await one_entry(database) == "ledger_entries_default"


async def test_the_loop_opens_what_is_missing_and_outlives_failures(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "LOOK_EVERY_S", 0.01)
    loop = asyncio.create_task(partitions.keep_open(database))
    async with database.connection() as connection:
        await connection.execute("ALTER FUNCTION open_day_partitions RENAME TO away")
        await asyncio.sleep(0.05)
        assert not loop.done()
        await connection.execute("ALTER FUNCTION away RENAME TO open_day_partitions")
        tomorrow = f"telemetry_spans_{datetime.now(UTC) + timedelta(days=1):%Y%m%d}"
        await eventually(lambda: connection.fetchval("SELECT to_regclass($1)::text", tomorrow))
    loop.cancel()
