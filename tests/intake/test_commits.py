"""Group commit: answered after the commit, together where they arrive together, and apart where one is refused."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import asyncpg
import pytest

from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.errors import BadRequest, TollhouseError, Unavailable
from tollhouse.foundation.ids import CustomerId
from tollhouse.intake.commits import ROWS_AT_ONCE, Commits
from tollhouse.traces.ingest import ingest
from tollhouse.traces.spans import Span, new_span_id, new_trace_id
from waiting import PATIENCE_S


def span(**change: object) -> Span:
    made = {
        "day": datetime.now(UTC).date(), "customer_id": CustomerId("c"), "trace_id": new_trace_id(),
        "span_id": new_span_id(), "vendor": "v", "name": "n", "start_ns": 1, "end_ns": 2, "source": "otlp",
    } | change  # fmt: skip
    return Span(**made)  # type: ignore[arg-type]


class Store:
    """Writes spans, and counts how many came in each transaction."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def ingest(self, connection: Connection, rows: Sequence[Span]) -> None:
        self.batches.append(len(rows))
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        await ingest(connection, rows)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
async def commits(embedded_database: Database, store: Store) -> AsyncIterator[Commits]:
    made = Commits(embedded_database, store.ingest, most_waiting=10)
    running = asyncio.create_task(made.run())
    yield made
    running.cancel()
    await asyncio.wait([running])


async def _stored(database: Database, rows: Sequence[Span]) -> int:
    async with database.connection() as connection:
        count: int = await connection.fetchval(
            "SELECT count(*) FROM telemetry_spans WHERE span_id = ANY ($1)", [row.span_id for row in rows]
        )
    return count


async def test_when_it_returns_the_rows_are_there(commits: Commits, embedded_database: Database) -> None:
    rows = [span(), span()]
    await commits.commit(rows)
    assert await _stored(embedded_database, rows) == 2


async def test_what_arrives_while_a_transaction_runs_shares_the_next(commits: Commits, store: Store) -> None:
    store.gate.clear()
    first = asyncio.create_task(commits.commit([span()]))
    while not store.batches:
        await asyncio.sleep(0)
    others = [asyncio.create_task(commits.commit([span(), span()])) for _ in range(5)]
    await asyncio.sleep(0)
    assert commits.full()
    store.gate.set()
    await asyncio.gather(first, *others)
    assert store.batches == [1, 10]
    assert not commits.full()


async def test_a_transaction_is_bounded_but_never_splits_a_request(commits: Commits, store: Store) -> None:
    store.gate.clear()
    sizes = [1, ROWS_AT_ONCE - 1, 2, ROWS_AT_ONCE + 5]
    tasks = []
    for size in sizes:
        tasks.append(asyncio.create_task(commits.commit([span() for _ in range(size)])))
        await asyncio.sleep(0)
    store.gate.set()
    await asyncio.gather(*tasks)
    assert store.batches == sizes


async def test_a_request_whose_rows_are_refused_fails_alone(
    commits: Commits, store: Store, embedded_database: Database
) -> None:
    store.gate.clear()
    first = asyncio.create_task(commits.commit([span()]))
    while not store.batches:
        await asyncio.sleep(0)
    good, bad = [span(), span()], [span(), span(name="a\0b")]
    tasks = [asyncio.create_task(commits.commit(rows)) for rows in (good, bad, [span()])]
    await asyncio.sleep(0)
    store.gate.set()
    results = await asyncio.gather(first, *tasks, return_exceptions=True)
    assert [type(each) for each in results] == [type(None), type(None), BadRequest, type(None)]
    assert await _stored(embedded_database, good) == 2
    assert await _stored(embedded_database, bad) == 0


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (asyncpg.DeadlockDetectedError("x"), Unavailable),
        (asyncpg.SerializationError("x"), Unavailable),
        (asyncpg.DiskFullError("x"), Unavailable),
        (asyncpg.QueryCanceledError("x"), Unavailable),
        (ConnectionResetError(), Unavailable),
        (asyncpg.CheckViolationError("x"), BadRequest),
    ],
    ids=repr,
)
async def test_what_may_pass_is_told_as_such(
    commits: Commits, store: Store, error: Exception, told: type[TollhouseError]
) -> None:
    store.error = error
    with pytest.raises(told):
        await commits.commit([span()])
    store.error = None
    await commits.commit([span()])


async def test_a_caller_who_left_is_not_written_for(commits: Commits, store: Store) -> None:
    store.gate.clear()
    first = asyncio.create_task(commits.commit([span()]))
    while not store.batches:
        await asyncio.sleep(0)
    left = asyncio.create_task(commits.commit([span()]))
    await asyncio.sleep(0)
    left.cancel()
    await asyncio.wait([left])
    store.gate.set()
    await first
    await commits.commit([span()])
    assert store.batches == [1, 1]


async def test_whoever_waits_when_the_process_ends_is_told_to_come_again(
    embedded_database: Database, store: Store
) -> None:
    commits = Commits(embedded_database, store.ingest, most_waiting=10)
    running = asyncio.create_task(commits.run())
    store.gate.clear()
    waiting = [asyncio.create_task(commits.commit([span()])) for _ in range(2)]
    while not store.batches:
        await asyncio.sleep(0)
    late = asyncio.create_task(commits.commit([span()]))
    await asyncio.sleep(0)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    for each in (*waiting, late):
        with pytest.raises(Unavailable):
            await asyncio.wait_for(each, PATIENCE_S)
