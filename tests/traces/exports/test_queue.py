"""What waits: for whom, once, bounded; on both servers."""

from datetime import timedelta

from making import customer
from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import CustomerId, UserId, new_id
from tollhouse.traces.exports import exporters, queue
from tollhouse.traces.exports.exporters import Headers, Terms
from tollhouse.traces.exports.queue import Result
from tollhouse.traces.ingest import ingest
from tollhouse.traces.spans import Span
from traces.exports.making_spans import span

HOLD = timedelta(seconds=60)
NOW = timedelta()


async def exporter(connection: Connection, customer_id: CustomerId, *, enabled: bool = True) -> str:
    made = new_id()
    terms = Terms("x", "https://otlp.example/", "json", "none", enabled=enabled, include_content=False)
    by = await connection.fetchval("SELECT id FROM users WHERE customer_id = $1 LIMIT 1", customer_id)
    await exporters.insert(connection, customer_id, made, terms, Headers(), UserId(by))
    return made


async def waiting(connection: Connection, exporter_id: str) -> int:
    many: int = await connection.fetchval("SELECT count(*) FROM trace_exports WHERE exporter_id = $1", exporter_id)
    return many


async def tell(connection: Connection, *told: Span) -> None:
    """As the road does."""
    async with connection.transaction():
        await queue.offer(connection, told)
        await ingest(connection, told)


async def test_spans_wait_for_those_exporters_of_their_customer_that_are_on(connection: Connection) -> None:
    acme, other = await customer(connection), await customer(connection)
    first, second, off = [await exporter(connection, acme, enabled=on) for on in (True, True, False)]
    theirs = await exporter(connection, other)
    await tell(connection, span(acme), span(acme), span(other), span(CustomerId("nobody")))
    assert [await waiting(connection, each) for each in (first, second, off, theirs)] == [2, 2, 0, 1]


async def test_a_call_that_is_told_again_is_not_sent_again(connection: Connection) -> None:
    acme = await customer(connection)
    made = await exporter(connection, acme)
    told = span(acme)
    for _ in range(2):
        await tell(connection, told)
    assert await waiting(connection, made) == 1


async def test_an_exporter_is_with_one_process_at_a_time(connection: Connection) -> None:
    acme = await customer(connection)
    await exporter(connection, acme)
    await tell(connection, span(acme))
    [mine] = await queue.claim(connection, most=8, hold=HOLD)
    assert await queue.claim(connection, most=8, hold=HOLD) == []
    await connection.execute("UPDATE trace_exporters SET claimed_until = now()")  # its holder died
    [theirs] = await queue.claim(connection, most=8, hold=HOLD)
    batch = await queue.oldest(connection, theirs)
    done = Result(done=True, failed=False, wait=NOW, batch_spans=512, status=200, error=None)
    assert not await queue.note(connection, mine, batch, done)
    assert await waiting(connection, mine.id) == 1
    assert await queue.note(connection, theirs, batch, done)
    assert await waiting(connection, mine.id) == 0


async def test_what_is_committed_late_is_not_passed_by(connection: Connection) -> None:
    """A worker that commits after others of later spans went out: no cursor runs ahead of it."""
    acme = await customer(connection)
    made = await exporter(connection, acme)
    await tell(connection, span(acme, "late"), span(acme, "early"))
    await connection.execute("DELETE FROM trace_exports WHERE id = (SELECT max(id) FROM trace_exports)")
    [claimed] = await queue.claim(connection, most=8, hold=HOLD)
    batch = await queue.oldest(connection, claimed)
    assert [each.name for each in batch.spans] == ["late"]
    assert await waiting(connection, made) == 1


async def test_a_batch_is_bounded_by_number_and_bytes(connection: Connection) -> None:
    acme = await customer(connection)
    await exporter(connection, acme)
    large = {"text": "x" * (queue.MOST_BATCH_BYTES // 2)}
    await tell(connection, *(span(acme, str(number), attributes=large) for number in range(4)))
    [claimed] = await queue.claim(connection, most=8, hold=HOLD)
    assert [each.name for each in (await queue.oldest(connection, claimed)).spans] == ["0", "1"]
    await connection.execute("UPDATE trace_exporters SET batch_spans = 1, claimed_until = NULL")
    [claimed] = await queue.claim(connection, most=8, hold=HOLD)
    assert [each.name for each in (await queue.oldest(connection, claimed)).spans] == ["0"]


async def test_what_is_too_old_or_too_much_is_given_up_and_counted(connection: Connection) -> None:
    acme = await customer(connection)
    made = await exporter(connection, acme)
    await tell(connection, *(span(acme, str(number)) for number in range(6)))
    await connection.execute(
        "UPDATE trace_exports SET queued_at = now() - interval '25 hours' "
        "WHERE id IN (SELECT id FROM trace_exports ORDER BY id LIMIT 2)"
    )
    await connection.execute("INSERT INTO trace_exports (exporter_id, span) VALUES ('gone', '')")
    async with connection.transaction():
        assert await queue.tidy(connection, most=3)
    found = await exporters.find(connection, acme, made)
    assert found is not None
    assert (found.progress.queued, found.progress.skipped) == (3, 3)
    assert await waiting(connection, "gone") == 0


async def test_who_is_told_of_spans_asks_little_when_nobody_wants_them(connection: Connection) -> None:
    acme = await customer(connection)
    await exporter(connection, acme, enabled=False)
    await tell(connection, span(acme))
    assert await connection.fetchval("SELECT count(*) FROM trace_exports") == 0
