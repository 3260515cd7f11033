"""From a span that was told to the customer's receiver, over real sockets, whatever the receiver does."""

import asyncio
import importlib.util
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, get_args

import pytest
from structlog.testing import capture_logs

from control.exporters.collector import Answer, Collector, Fault, collecting
from making import ManualClock, customer, master_keys, user
from tollhouse.control.exporters import sending
from tollhouse.control.exporters.delivery import AT_ONCE, Exports
from tollhouse.control.exporters.sealed_headers import seal
from tollhouse.db.pool import Database
from tollhouse.foundation.ids import CustomerId, new_id
from tollhouse.foundation.secrets import Secret
from tollhouse.outbound.sending import Sender
from tollhouse.traces.exports import exporters, queue
from tollhouse.traces.exports.exporters import Compression, Encoding, Exporter, Headers, Terms
from tollhouse.traces.ingest import ingest
from tollhouse.traces.spans import Span
from traces.exports.making_spans import span
from waiting import PATIENCE_S, until

TOKEN = Secret("Bearer very-secret")


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    made = Sender(private=True, patience_s=0.5)
    yield made
    await made.close()


@pytest.fixture
def exports(embedded_database: Database) -> Exports:
    return Exports(embedded_database, ManualClock(), master_keys(), private=True)


async def exporter(
    database: Database,
    url: str,
    *told: str,
    encoding: Encoding = "protobuf",
    compression: Compression = "gzip",
    headers: dict[str, Secret] | None = None,
) -> tuple[CustomerId, str]:
    """A customer with an exporter, and spans of these names that wait."""
    async with database.transaction() as connection:
        customer_id, made = await customer(connection), new_id()
        by = await user(connection, customer_id, "admin")
        sealed = Headers()
        if headers:
            sealed = Headers(tuple(headers), seal(master_keys().keyring(), headers, customer_id, made))
        terms = Terms("x", url, encoding, compression, enabled=True, include_content=False)
        await exporters.insert(connection, customer_id, made, terms, sealed, by)
    await tell(database, *(span(customer_id, name) for name in told))
    return customer_id, made


async def tell(database: Database, *told: Span) -> None:
    async with database.transaction() as connection:
        await queue.offer(connection, told)
        await ingest(connection, told)


async def found(database: Database, customer_id: CustomerId, exporter_id: str) -> Exporter:
    async with database.connection() as connection:
        exporter = await exporters.find(connection, customer_id, exporter_id)
    assert exporter is not None
    return exporter


async def turn(exports: Exports, sender: Sender) -> int:
    """One batch to each exporter whose turn it is, to the end."""
    begun = await exports.begin_due(sender)
    if exports._running:
        await asyncio.wait(exports._running)
    return begun


async def due_again(database: Database) -> None:
    """Time passes."""
    async with database.connection() as connection:
        await connection.execute("UPDATE trace_exporters SET due_at = now()")


# Everything goes well -------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", get_args(Encoding))
@pytest.mark.parametrize("compression", get_args(Compression))
async def test_spans_arrive_once_in_any_form(
    embedded_database: Database, exports: Exports, sender: Sender, encoding: Encoding, compression: Compression
) -> None:
    async with collecting() as collector:
        names = [f"chat {number}" for number in range(40)]
        where = await exporter(
            embedded_database,
            collector.url,
            *names,
            encoding=encoding,
            compression=compression,
            headers={"Authorization": TOKEN, "x-scope": Secret("acme")},
        )
        assert [await turn(exports, sender) for _ in range(2)] == [1, 0]
        assert collector.names == names
    [headers] = collector.headers
    assert headers["authorization"] == "Bearer very-secret"
    assert headers["x-scope"] == "acme"
    assert headers["user-agent"].startswith("Tollhouse/")
    assert headers.get("content-encoding") == (None if compression == "none" else "gzip")
    progress = (await found(embedded_database, *where)).progress
    assert (progress.sent, progress.refused, progress.queued, progress.failures) == (40, 0, 0, 0)
    assert (progress.last_status, progress.last_error, progress.last_failure_at) == (200, None, None)
    assert progress.last_success_at is not None


@asynccontextmanager
async def rotel() -> AsyncIterator[tuple[str, asyncio.StreamReader]]:
    """A collector that we did not write: where it listens, and what it says of the spans that it gets."""
    program = Path(importlib.util.find_spec("rotel").origin).with_name("rotel-agent")  # type: ignore[union-attr, arg-type]
    http, grpc = _free_port(), _free_port()
    process = await asyncio.create_subprocess_exec(
        program, "start", "--otlp-http-endpoint", f"127.0.0.1:{http}", "--otlp-grpc-endpoint", f"127.0.0.1:{grpc}",
        *["--exporter", "blackhole", "--debug-log", "traces", "--debug-log-verbosity", "detailed"],
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            await _until_said(process.stdout, "Starting Rotel")
            await _until_open(http)
            yield f"http://127.0.0.1:{http}/v1/traces", process.stdout
    finally:
        process.kill()
        await process.wait()


async def test_a_collector_that_others_wrote_takes_them_in_every_form(
    embedded_database: Database, exports: Exports, sender: Sender
) -> None:
    async with rotel() as (url, said):
        for encoding in get_args(Encoding):
            for compression in get_args(Compression):
                name = f"chat {encoding} {compression}"
                where = await exporter(embedded_database, url, name, encoding=encoding, compression=compression)
                await turn(exports, sender)
                progress = (await found(embedded_database, *where)).progress
                assert (progress.sent, progress.last_status, progress.last_error) == (1, 200, None)
                await _until_said(said, name)
                await _until_said(said, "gen_ai.operation.name: Str(chat)")


# The receiver goes wrong ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "status", "error"),
    [
        (Answer(503), 503, "answered 503"),
        (Answer(429, ["Retry-After: 1800"]), 429, "answered 429"),
        ("silent", None, "no answer within 0.5 seconds"),
        ("lost", None, "the connection broke off: RemoteProtocolError"),
    ],
)
async def test_what_may_have_been_lost_comes_again(
    embedded_database: Database, exports: Exports, sender: Sender, fault: Answer | Fault, status: int, error: str
) -> None:
    """At least once: a batch whose answer was lost is there twice."""
    async with collecting(fault, Answer()) as collector:
        where = await exporter(embedded_database, collector.url, "chat")
        with capture_logs() as logs:
            assert [await turn(exports, sender) for _ in range(2)] == [1, 0]  # and then it is left alone
        progress = (await found(embedded_database, *where)).progress
        assert (progress.last_status, progress.last_error, progress.failures) == (status, error, 1)
        assert (progress.queued, progress.sent, progress.last_success_at) == (1, 0, None)
        assert [line["exporter_id"] for line in logs] == [where[1]]
        await due_again(embedded_database)
        assert await turn(exports, sender) == 1
        assert collector.names == ["chat"] * (2 if fault == "lost" else 1)
    progress = (await found(embedded_database, *where)).progress
    assert (progress.queued, progress.sent, progress.failures, progress.last_error) == (0, 1, 0, error)


async def test_a_receiver_asks_for_time_and_gets_it(
    embedded_database: Database, exports: Exports, sender: Sender
) -> None:
    async with collecting(Answer(429, ["Retry-After: 1800"])) as collector:
        await exporter(embedded_database, collector.url, "chat")
        await turn(exports, sender)
    async with embedded_database.connection() as connection:
        wait = await connection.fetchval("SELECT extract(epoch FROM due_at - now()) FROM trace_exporters")
    assert 1700 < wait <= 1800


async def test_what_is_refused_for_good_is_counted_and_does_not_stop_the_rest(
    embedded_database: Database, exports: Exports, sender: Sender
) -> None:
    async with collecting(Answer(400), Answer()) as collector:
        customer_id, made = await exporter(embedded_database, collector.url, "bad", "bad, too")
        await turn(exports, sender)
        await tell(embedded_database, span(customer_id, "good"))
        await due_again(embedded_database)
        await turn(exports, sender)
        assert collector.names == ["good"]
    progress = (await found(embedded_database, customer_id, made)).progress
    assert (progress.refused, progress.sent, progress.queued) == (2, 1, 0)
    assert progress.last_error == "answered 400"


async def test_a_partial_success_is_counted_and_shown(
    embedded_database: Database, exports: Exports, sender: Sender
) -> None:
    async with collecting(Answer(rejected=1, message="too old")) as collector:
        where = await exporter(embedded_database, collector.url, "a", "b", "c", encoding="json")
        await turn(exports, sender)
    progress = (await found(embedded_database, *where)).progress
    assert (progress.sent, progress.refused, progress.queued, progress.failures) == (2, 1, 0, 0)
    assert progress.last_error == "1 spans were refused: too old"


async def test_a_batch_that_is_too_large_is_cut(embedded_database: Database, exports: Exports, sender: Sender) -> None:
    async with collecting(Answer(413), Answer(413), Answer()) as collector:
        where = await exporter(embedded_database, collector.url, *"abcd")
        while await turn(exports, sender):
            pass
        assert collector.names == [*"abcd"]
        assert [len(request.resource_spans[0].scope_spans[0].spans) for request in collector.requests] == [1, 2, 1]
    assert (await found(embedded_database, *where)).progress.sent == 4


async def test_a_receiver_that_is_not_there_or_stands_still_holds_up_nobody_else(
    embedded_database: Database, exports: Exports, sender: Sender
) -> None:
    async with collecting("silent") as slow, collecting() as good:
        await exporter(embedded_database, "http://127.0.0.1:1/", "lost")
        await exporter(embedded_database, slow.url, "stuck")
        await exporter(embedded_database, good.url, "fine")
        going = asyncio.create_task(turn(exports, sender))
        await _until_taken(good)
        assert not going.done()
        assert await going == 3
    async with embedded_database.connection() as connection:
        rows = await connection.fetch("SELECT last_error FROM trace_exporters ORDER BY last_error")
    assert [row["last_error"] for row in rows] == [
        "no answer within 0.5 seconds",
        "nobody takes connections there",
        None,
    ]


async def test_slow_receivers_leave_room_for_others_and_a_stop_leaves_nothing_running(
    embedded_database: Database,
) -> None:
    async with collecting("silent") as slow, collecting() as good:
        for _ in range(AT_ONCE - 1):
            await exporter(embedded_database, slow.url, "stuck")
        customer_id, _ = await exporter(embedded_database, good.url)
        exports = Exports(embedded_database, ManualClock(), master_keys(), private=True)
        loop = asyncio.create_task(exports.run())
        for number in range(2):
            await tell(embedded_database, span(customer_id, str(number)))
            await due_again(embedded_database)
            async with asyncio.timeout(sending.PATIENCE_S - 1):
                while len(good.spans) <= number:
                    await asyncio.sleep(0.02)
        loop.cancel()
        await asyncio.wait([loop])
        assert exports._running == set()
        assert slow.requests == []


async def test_several_processes_send_nothing_twice(embedded_database: Database, sender: Sender) -> None:
    loops = [Exports(embedded_database, ManualClock(), master_keys(), private=True) for _ in range(3)]
    async with collecting() as collector:
        for _ in range(3):
            await exporter(embedded_database, collector.url, *(str(number) for number in range(5)))
        async with embedded_database.connection() as connection:
            await connection.execute("UPDATE trace_exporters SET batch_spans = 1")
        while sum(await asyncio.gather(*(turn(each, sender) for each in loops))):
            pass
        assert sorted(collector.names) == sorted([*"01234"] * 3)


async def test_an_exporter_that_is_changed_while_it_is_served_begins_anew(
    embedded_database: Database, exports: Exports, sender: Sender
) -> None:
    """What went to the former address goes to the new one, too, and its answer is not written down."""
    async with collecting("silent") as former, collecting() as new:
        customer_id, made = await exporter(embedded_database, former.url, "chat")
        going = asyncio.create_task(turn(exports, sender))
        await until(lambda: former.headers)
        async with embedded_database.connection() as connection:
            terms = Terms("x", new.url, "json", "none", enabled=True, include_content=False)
            await exporters.update(connection, customer_id, made, terms, Headers())
        await going
        assert (await found(embedded_database, customer_id, made)).progress.last_error is None
        assert await turn(exports, sender) == 1
        assert new.names == ["chat"]


async def test_headers_that_do_not_open_are_said_and_nothing_is_sent(
    embedded_database: Database, sender: Sender
) -> None:
    stranger = Exports(embedded_database, ManualClock(), master_keys(current="another master key"), private=True)
    async with collecting() as collector:
        where = await exporter(embedded_database, collector.url, "chat", headers={"Authorization": TOKEN})
        await turn(stranger, sender)
        assert collector.headers == []
    progress = (await found(embedded_database, *where)).progress
    assert progress.last_error == "its headers cannot be opened here: store them anew, or ask your operator"
    assert progress.queued == 1


async def test_nothing_is_sent_to_private_addresses(embedded_database: Database, exports: Exports) -> None:
    """Also when the row says so: what is written down is judged again, and so is the address behind a name."""
    careful = Sender(private=False, names=lambda _host, _port: ["169.254.169.254"])
    async with collecting() as collector:
        first = await exporter(embedded_database, collector.url, "chat")
        second = await exporter(embedded_database, "https://otlp.example/v1/traces", "chat")
        assert await turn(exports, careful) == 2
        assert collector.headers == []
    await careful.close()
    errors = [(await found(embedded_database, *where)).progress.last_error for where in (first, second)]
    assert errors == [
        "not sent: must begin with https:// and name a host",
        "not sent: the address behind the name is not a public one",
    ]


async def test_the_loop_survives_a_database_that_is_away_and_goes_on(embedded_database: Database) -> None:
    class Flaky:
        """Away at first."""

        def __init__(self) -> None:
            self.asked = 0

        def connection(self) -> Any:
            self.asked += 1
            if self.asked == 1:
                raise OSError("away")
            return embedded_database.connection()

    exports = Exports(Flaky(), ManualClock(), master_keys(), private=True)  # type: ignore[arg-type]
    async with collecting() as collector:
        await exporter(embedded_database, collector.url, "chat")
        with capture_logs() as logs:
            sender = Sender(private=True)
            assert await exports._turn(sender) == 0
            assert await exports._turn(sender) == 1
            await asyncio.wait(exports._running)
            await sender.close()
        assert collector.names == ["chat"]
    assert [line["event"] for line in logs] == ["sending spans to customers' endpoints failed; trying again"]


async def _until_taken(collector: Collector) -> None:
    await until(lambda: collector.requests)


async def _until_said(said: asyncio.StreamReader, words: str) -> None:
    while words not in (line := (await said.readline()).decode()):
        assert line, f"ended without saying {words}"


async def _until_open(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
