"""What comes in is kept once and counted once, whoever sends it how often."""

import asyncio

import msgspec
import pytest

from tollhouse.db.pool import Connection, Database
from tollhouse.traces import ingest as ingest_module
from tollhouse.traces.ingest import ingest
from tollhouse.traces.spans import Span
from traces.made import a_span


async def counted(connection: Connection) -> tuple[int, int, int]:
    """(calls, tokens in, cost) of all that was told to the rollups."""
    row = await connection.fetchrow(
        "SELECT sum(calls)::int, sum(input_tokens)::int, sum(cost_nanos)::int FROM rollup_pending"
    )
    assert row is not None
    return tuple(row)


async def test_what_is_sent_again_changes_nothing(connection: Connection) -> None:
    spans = [a_span(number) for number in (3, 1, 2)]
    assert await ingest(connection, spans) == 3
    assert await ingest(connection, [*spans, a_span(4), a_span(4)]) == 1
    assert await counted(connection) == (4, 40, 28)


async def test_nobody_takes_the_place_of_a_span_of_ours(connection: Connection) -> None:
    assert await ingest(connection, [a_span(1, source="otlp", cost_nanos=5)]) == 1
    assert await ingest(connection, [a_span(1)]) == 1
    rows = await connection.fetch("SELECT source, cost_nanos, reported_cost_nanos FROM rollup_pending ORDER BY 1")
    assert [tuple(row) for row in rows] == [("otlp", 0, 5), ("proxy", 7, 0)]


async def test_a_batch_of_any_size_is_taken(connection: Connection) -> None:
    assert await ingest(connection, []) == 0
    assert await ingest(connection, [a_span(number) for number in range(2_100)]) == 2_100
    assert await counted(connection) == (2_100, 21_000, 14_700)


async def test_writers_of_the_same_spans_neither_block_for_good_nor_count_twice(
    embedded_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has them in an order of its own, and in many pieces."""
    monkeypatch.setattr(ingest_module, "PIECE_SPANS", 7)
    spans = [a_span(number) for number in range(200)]

    async def write(turn: int) -> int:
        async with embedded_database.transaction() as connection:
            return await ingest(connection, [*spans[turn * 20 :], *spans[: turn * 20]])

    assert sum(await asyncio.gather(*(write(turn) for turn in range(8)))) == 200
    async with embedded_database.connection() as connection:
        assert await counted(connection) == (200, 2_000, 1_400)


OTHERS: dict[str, object] = {
    "parent_span_id": "c" * 16,
    "user_id": "usr_other",
    "team_id": "tea_other",
    "key_id": "key_other",
    "vendor": "another",
    "tool": "a-tool",
    "name": "another name",
    "kind": 1,
    "status": 2,
    "status_message": "no",
    "model": "another-model",
    "provider": "another-provider",
    "input_tokens": 99,
    "output_tokens": None,
    "cached_tokens": 0,
    "cache_write_tokens": 1,
    "reasoning_tokens": 1,
    "cost_nanos": None,
    "attributes": {"a": 1},
    "resource_attributes": {"a": True},
    "counted": False,
}


@pytest.mark.parametrize("name", OTHERS)
async def test_spans_that_are_alike_but_for_one_thing_keep_it(connection: Connection, name: str) -> None:
    """What all spans of a piece have in common goes over the wire once."""
    plain = {"attributes": {"a": True}, "resource_attributes": {"a": 1}}
    spans = [a_span(1, **plain), a_span(2, **{**plain, name: OTHERS[name]}), a_span(3, **plain)]
    assert await ingest(connection, spans) == 3
    rows = await connection.fetch(f"SELECT {', '.join(Span.__struct_fields__)} FROM telemetry_spans ORDER BY span_id")
    assert [[str(value) for value in row] for row in rows] == [
        [str(value) for value in msgspec.structs.astuple(span)] for span in spans
    ]


async def test_only_calls_add_to_calls(connection: Connection) -> None:
    """Other spans only say that there are some: it is known where to look for them."""
    await ingest(connection, [a_span(1), a_span(2, counted=False), a_span(3, counted=False, tool="a-tool")])
    rows = await connection.fetch("SELECT calls, spans, tool, cost_nanos FROM rollup_pending ORDER BY 3")
    assert [tuple(row) for row in rows] == [(0, 1, "a-tool", 0), (1, 2, None, 7)]


async def test_what_senders_claim_cannot_break_a_sum(connection: Connection) -> None:
    most = 2**63 - 1
    absurd = dict.fromkeys(("input_tokens", "output_tokens", "cached_tokens", "cost_nanos"), most)
    await ingest(connection, [a_span(number, source="otlp", **absurd) for number in range(3)])
    assert await connection.fetchval("SELECT sum(reported_cost_nanos)::bigint FROM rollup_pending") == 3 * 10**13


async def test_what_nobody_told_counts_as_nothing(connection: Connection) -> None:
    names = ("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens", "cost_nanos")
    await ingest(connection, [a_span(1, source="otlp", **dict.fromkeys(names))])
    row = await connection.fetchrow(
        "SELECT calls, input_tokens, output_tokens, cached_tokens, cache_write_tokens, reasoning_tokens, "
        "reported_cost_nanos FROM rollup_pending"
    )
    assert row is not None
    assert tuple(row) == (1, 0, 0, 0, 0, 0, 0)
