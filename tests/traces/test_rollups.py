"""Sums hold what was committed, each thing once, whoever folds when."""

import asyncio
from datetime import UTC, date, datetime

import pytest

from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.ids import KeyId, UserId
from tollhouse.foundation.money import Nanos
from tollhouse.traces import rollups
from tollhouse.traces.ingest import ingest, withdraw_doubtful
from tollhouse.traces.rollups import CostChange
from traces.made import ACME, DAY, NOON_NS, a_span

HOUR_NS = 3_600_000_000_000
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)


async def sums(connection: Connection, table: str = "rollup_hours") -> list[tuple[object, ...]]:
    """(when, calls, errors, tokens in, metered cost) of each row, in time."""
    rows = await connection.fetch(
        "SELECT at, calls, errors, input_tokens, cost_nanos FROM rollups WHERE step = $1 ORDER BY 1, 2",
        table.removeprefix("rollup_").removesuffix("s"),
    )
    return [tuple(row) for row in rows]


async def test_hours_and_days_grow_as_calls_come_in(database: Database) -> None:
    async with database.connection() as connection:
        for turn in range(2):
            await ingest(connection, [a_span(turn), a_span(10 + turn, start_ns=NOON_NS + HOUR_NS, status=2)])
            assert await rollups.fold(database) == 2
        assert await sums(connection) == [(NOON, 2, 0, 20, 14), (NOON.replace(hour=13), 2, 2, 20, 14)]
        assert await sums(connection, "rollup_days") == [(MIDNIGHT, 4, 2, 40, 28)]
        assert await connection.fetchval("SELECT count(*) FROM rollup_groups") == 1
        assert await rollups.fold(database) == 0


async def test_many_who_fold_count_nothing_twice(embedded_database: Database) -> None:
    async def write(first: int) -> None:
        for number in range(first, first + 10):
            async with embedded_database.transaction() as connection:
                await ingest(connection, [a_span(number, model=f"model-{number % 3}")])
            await rollups.fold(embedded_database)

    await asyncio.gather(*(write(first) for first in (0, 100, 200, 300)))
    await rollups.fold(embedded_database)
    async with embedded_database.connection() as connection:
        assert sum(int(str(row[1])) for row in await sums(connection)) == 40
        assert await connection.fetchval("SELECT count(*) FROM rollup_pending") == 0


async def test_a_call_near_midnight_counts_in_the_day_that_the_ledger_has_it_in(embedded_database: Database) -> None:
    async with embedded_database.connection() as connection:
        before, after = a_span(1, start_ns=NOON_NS + 12 * HOUR_NS), a_span(2, start_ns=NOON_NS - 13 * HOUR_NS)
        await ingest(connection, [before, after])
        await rollups.fold(embedded_database)
        assert [row[0] for row in await sums(connection)] == [MIDNIGHT, NOON.replace(hour=23)]


async def test_a_correction_moves_the_cost_in_the_hour_of_the_call(embedded_database: Database) -> None:
    def change(began_at: datetime | None, difference: int) -> CostChange:
        return CostChange(ACME, "openai", "gpt-4o", None, None, KeyId("k"), DAY, began_at, Nanos(difference))

    async with embedded_database.connection() as connection:
        await ingest(connection, [a_span(1, key_id="k")])
        await rollups.change_cost(connection, change(NOON, -5))
        await rollups.change_cost(connection, change(None, 3))
        await rollups.fold(embedded_database)
        assert await sums(connection) == [(MIDNIGHT, 0, 0, 0, 3), (NOON, 1, 0, 10, 2)]
        assert await sums(connection, "rollup_days") == [(MIDNIGHT, 1, 0, 10, 5)]


async def test_a_call_in_doubt_is_taken_out_whole(embedded_database: Database) -> None:
    doubtful = a_span(1, status=2, attributes={"tollhouse.entry.kind": "in_doubt", "error.type": "lost"})
    certain = a_span(2, attributes={"tollhouse.entry.kind": "exact"})
    async with embedded_database.connection() as connection:
        await ingest(connection, [doubtful, certain])
        gone = await withdraw_doubtful(connection, [doubtful, certain, a_span(3)])
        assert gone == [(doubtful.customer_id, doubtful.trace_id, doubtful.span_id)]
        await rollups.fold(embedded_database)
        assert await sums(connection) == [(NOON, 1, 0, 10, 7)]
        assert await connection.fetchval("SELECT sum(errors)::int FROM rollup_errors") == 0
        assert await connection.fetchval("SELECT durations FROM rollup_day_durations") == 10 ** (12 * 80)


async def test_who_makes_up_ever_new_names_gets_one_group_for_the_rest(
    embedded_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollups, "MOST_GROUPS", 2)
    for number in range(6):
        made_up = a_span(number, model=f"m-{number}", tool=f"t-{number}", source="otlp", user_id="ann")
        async with embedded_database.transaction() as connection:
            await ingest(connection, [made_up])
        await rollups.fold(embedded_database)
    async with embedded_database.transaction() as connection:
        await ingest(connection, [a_span(9, model="metered")])
    await rollups.fold(embedded_database)
    async with embedded_database.connection() as connection:
        rows = await connection.fetch(
            "SELECT model, user_id, calls FROM rollup_days JOIN rollup_groups ON id = group_id"
        )
        tools = await connection.fetch("SELECT tool FROM tool_profiles ORDER BY 1")
    assert sorted(tuple(row)[::2] for row in rows) == [("(others)", 4), ("m-0", 1), ("m-1", 1), ("metered", 1)]
    assert [row["tool"] for row in tools] == ["(others)", "t-0", "t-1"]


async def test_a_tool_has_a_profile(database: Database) -> None:
    def used(number: int, version: str | None, user: str | None, **fields: object) -> object:
        return a_span(
            number,
            vendor="anthropic",
            tool="claude-code",
            user_id=None if user is None else UserId(user),
            resource_attributes={} if version is None else {"service.version": version},
            **fields,
        )

    async with database.connection() as connection:
        await ingest(connection, [used(5, "1.1", "ann"), used(6, None, None, counted=False)])  # type: ignore[list-item]
        await rollups.fold(database)
        await ingest(connection, [used(1, "1.0", "bob"), used(9, "1.2", "ann")])  # type: ignore[list-item]
        await rollups.fold(database)
        profile = await connection.fetchrow("SELECT * FROM tool_profiles")
    assert profile is not None
    assert (profile["vendor"], profile["tool"], profile["version"]) == ("anthropic", "claude-code", "1.2")
    assert (profile["spans"], profile["calls"], profile["input_tokens"]) == (4, 3, 30)
    assert sorted(profile["users"]) == ["ann", "bob"]
    assert profile["first_seen_at"].date() == date(2026, 11, 23)
