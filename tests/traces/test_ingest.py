"""What comes in is kept once and counted once, whoever sends it how often."""

from datetime import date

from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import CustomerId
from tollhouse.traces.ingest import ingest
from tollhouse.traces.spans import Span

NOON_NS = 1_795_435_200_000_000_000
ACME = CustomerId("acme")


def a_span(number: int, **fields: object) -> Span:
    given: dict[str, object] = {
        "day": date(2026, 11, 23),
        "customer_id": ACME,
        "trace_id": f"{number:032x}",
        "span_id": f"{number:016x}",
        "vendor": "tollhouse",
        "name": "chat gpt-4o",
        "start_ns": NOON_NS + number,
        "end_ns": NOON_NS + number + 1_000_000_000,
        "status": 1,
        "model": "gpt-4o",
        "provider": "openai",
        "input_tokens": 10,
        "output_tokens": 3,
        "cost_nanos": 7,
        "attributes": {"gen_ai.request.model": "gpt-4o"},
    }
    return Span(**(given | fields))  # type: ignore[arg-type]


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
