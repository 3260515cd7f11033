"""Upstreams that follow a script, on loopback sockets, and a way to run a scenario on every event loop we serve on."""

import asyncio
import gc
import ssl
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop

from tollhouse.cloudflare.upstream import PoolLimits, UpstreamPool
from waiting import until

PATIENCE_S = 20.0
"""A scenario that takes longer hangs."""

Script = Callable[["Conversation"], Awaitable[None]]


@dataclass(frozen=True)
class Request:
    """What the upstream read."""

    head: bytes
    body: bytes

    def header(self, name: bytes) -> list[bytes]:
        lines = self.head.split(b"\r\n")[1:]
        return [line.split(b": ", 1)[1] for line in lines if line.lower().startswith(name + b":")]


@dataclass
class Conversation:
    """The upstream's end of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    upstream: "Upstream"

    async def request(self) -> Request | None:
        """The next request; None when the other side has closed."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        made = Request(head.removesuffix(b"\r\n\r\n"), b"")
        length = int(made.header(b"content-length")[0])
        made = Request(made.head, await self.reader.readexactly(length))
        self.upstream.requests.append(made)
        return made

    async def say(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def until_closed(self) -> None:
        """The other side closed, or dropped, the connection."""
        try:
            while await self.reader.read(65536):
                pass
        except (ConnectionError, ssl.SSLError):
            return


@dataclass
class Upstream:
    """A server that plays script n on its nth connection, the last one on all further ones."""

    scripts: tuple[Script, ...]
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    standing: int = 0
    port: int = 0
    _playing: set["asyncio.Task[None]"] = field(default_factory=set)

    async def play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._playing.add(task)
        script = self.scripts[min(self.connections, len(self.scripts) - 1)]
        self.connections += 1
        self.standing += 1
        try:
            await script(Conversation(reader, writer, self))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            self.standing -= 1
            self._playing.discard(task)
            writer.transport.abort()

    async def stop(self) -> None:
        for task in list(self._playing):
            task.cancel()
        while self._playing:
            await asyncio.sleep(0)


@asynccontextmanager
async def listening(*scripts: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Upstream]:
    upstream = Upstream(scripts)
    server = await asyncio.start_server(upstream.play, "127.0.0.1", 0, ssl=tls)
    upstream.port = server.sockets[0].getsockname()[1]
    try:
        yield upstream
    finally:
        server.close()
        await upstream.stop()
        await server.wait_closed()


@asynccontextmanager
async def pool_to(
    upstream: Upstream, *, scheme: str = "http", ssl_context: ssl.SSLContext | None = None, **changed: float
) -> AsyncIterator[UpstreamPool]:
    """A pool whose timeouts no healthy scenario reaches; on the way out nothing may be left open."""
    pool = UpstreamPool(f"{scheme}://localhost:{upstream.port}/v1", limits=limits(**changed), ssl_context=ssl_context)
    try:
        yield pool
    finally:
        await pool.close(0)
        assert (pool.open, pool.in_use, pool.waiting) == (0, 0, 0)


@asynccontextmanager
async def calling(*scripts: Script, **changed: float) -> AsyncIterator[tuple[Upstream, UpstreamPool]]:
    async with listening(*scripts) as upstream, pool_to(upstream, scheme="http", ssl_context=None, **changed) as pool:
        yield upstream, pool


def limits(**changed: float) -> PoolLimits:
    usual: dict[str, Any] = {
        "max_connections": 4,
        "max_waiting": 100,
        "connect_timeout_s": 10.0,
        "first_byte_timeout_s": 10.0,
        "idle_timeout_s": 10.0,
        "keepalive_s": 10.0,
    }
    return PoolLimits(**(usual | changed))


def answer(body: bytes = b"{}", *, status: bytes = b"200 OK", headers: bytes = b"") -> bytes:
    return b"HTTP/1.1 %s\r\ncontent-length: %d\r\n%s\r\n%s" % (status, len(body), headers, body)


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + end


def answering(*answers: bytes) -> Script:
    """Answer the nth request on a connection with the nth answer (the last one for ever), until it is closed."""

    async def script(conversation: Conversation) -> None:
        given = 0
        while await conversation.request() is not None:
            await conversation.say(answers[min(given, len(answers) - 1)])
            given += 1

    return script


def saying(*pieces: bytes, then_close: bool = True, pause_s: float = 0) -> Script:
    """Read one request, write these bytes as they are, then close or stay silent."""

    async def script(conversation: Conversation) -> None:
        await conversation.request()
        for piece in pieces:
            await conversation.say(piece)
            await asyncio.sleep(pause_s)
        if not then_close:
            await conversation.until_closed()
        else:
            conversation.writer.close()
            await conversation.until_closed()

    return script


_LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


def on_every_loop(scenario: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[str], None]:
    """A test that runs the scenario on asyncio's and on uvloop's event loop, and fails on anything left behind."""

    @pytest.mark.parametrize("loop", list(_LOOPS))
    def test(loop: str) -> None:
        with ThreadPoolExecutor(1) as thread:  # this thread's loop belongs to other tests
            thread.submit(_run, _LOOPS[loop], scenario).result()

    test.__name__, test.__qualname__, test.__doc__ = scenario.__name__, scenario.__qualname__, scenario.__doc__
    return test


def _run(new_loop: Callable[[], asyncio.AbstractEventLoop], scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    complaints: list[dict[str, Any]] = []
    with _only_own_garbage(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.get_loop().set_exception_handler(lambda _, context: complaints.append(context))
            runner.run(_watched(scenario))
        gc.collect()
    assert not complaints, complaints
    leaks = [str(each.message) for each in caught if issubclass(each.category, ResourceWarning)]
    assert not leaks, leaks


@contextmanager
def _only_own_garbage() -> Iterator[None]:
    """What other tests left behind is not collected here, which would be blamed on this one, and takes a while."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


async def _watched(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await scenario()
        # A scripted server may still be finishing a handshake that failed; what never ends runs out of patience.
        await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})
