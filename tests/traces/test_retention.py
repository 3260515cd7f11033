"""Spans are kept as long as their customer wants, hours for some months, days for ever."""

from datetime import UTC, datetime, timedelta

import pytest

from making import customer
from tollhouse.db import partitions
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.ids import CustomerId
from tollhouse.traces import retention, rollups
from tollhouse.traces.ingest import ingest
from tollhouse.traces.spans import Span
from traces.made import a_span

NOW = datetime.now(UTC)


def at(number: int, customer_id: CustomerId, days_ago: int) -> Span:
    moment = NOW - timedelta(days=days_ago)
    start_ns = int(moment.timestamp()) * 1_000_000_000
    return a_span(
        number, customer_id=customer_id, day=moment.date(), start_ns=start_ns, end_ns=start_ns + 1_000_000, status=2
    )


async def kept(connection: Connection, customer_id: CustomerId) -> list[int]:
    """How many days ago the spans were that are left."""
    rows = await connection.fetch("SELECT day FROM telemetry_spans WHERE customer_id = $1 ORDER BY 1 DESC", customer_id)
    return [(NOW.date() - row["day"]).days for row in rows]


async def test_each_customer_keeps_its_spans_for_its_own_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "MOST_AT_ONCE", 2)
    async with database.connection() as connection:
        await connection.execute("SELECT open_day_partitions('telemetry_spans', $1, 140)", NOW.date() - timedelta(130))
        usual = await customer(connection)
        brief = await customer(connection, settings={"trace_retention_days": 3})
        for owner in (usual, brief):
            await ingest(connection, [at(days, owner, days) for days in (0, 2, 4, 5, 6, 20, 120)])
        await rollups.fold(database)
        assert await retention.trim(database, 10, NOW) > 100
        assert await kept(connection, usual) == [0, 2, 4, 5, 6]
        assert await kept(connection, brief) == [0, 2]
        assert await retention.trim(database, 10, NOW) == 0
        for table, left in (("rollup_hours", 12), ("rollup_days", 14), ("rollup_hour_durations", 12)):
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == left, table
        assert await connection.fetchval("SELECT count(*) FROM rollup_errors") == 12


async def test_days_that_may_still_get_spans_are_not_dropped(embedded_database: Database) -> None:
    async with embedded_database.connection() as connection:
        await customer(connection)
    await retention.trim(embedded_database, 1, NOW)  # days that other tests had opened
    await partitions.open_days(embedded_database)
    assert await retention.trim(embedded_database, 1, NOW) == 0
    assert await partitions.open_days(embedded_database) == 0
