"""A TCP proxy that fails on demand: between workers and Postgres, or between any two that speak TCP.

Faults are switched while it runs and hold for all connections, old and new. It passes bytes on and knows nothing of
what they mean, but for one thing: it can look for a text in what a client sends, and drop the connection once that
was passed on, so that what was asked may have happened and the answer never arrives.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, urlsplit, urlunsplit

CHUNK: Final = 64 << 10
BUFFERED: Final = 256 << 10
"""What may wait in one direction of a connection; then the sender is not read any further."""
_RESET: Final = struct.pack("ii", 1, 0)
_LOOK_AGAIN_S: Final = 0.02


@dataclass(slots=True)
class Faults:
    """What is wrong just now; the defaults are a line in order.

    `refuse`: new connections are reset. `black_hole`: what is connected stays so, and not a byte passes. `latency_s`
    is added to each piece, each way. `bytes_per_s` is each connection's bandwidth, each way. `slice_bytes` cuts what
    is passed on into pieces of this size. `cut_after`: the connection over which a client sends one of these texts is
    reset after that was passed on, `cuts_left` times.
    """

    refuse: bool = False
    black_hole: bool = False
    latency_s: float = 0.0
    bytes_per_s: int | None = None
    slice_bytes: int | None = None
    cut_after: tuple[bytes, ...] = ()
    cuts_left: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where the proxy passes things on to: a port of a host, or a socket in the file system."""

    host: str = "127.0.0.1"
    port: int = 0
    path: str | None = None

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.path is not None:
            return await asyncio.open_unix_connection(self.path, limit=BUFFERED)
        return await asyncio.open_connection(self.host, self.port, limit=BUFFERED)


@dataclass(slots=True, eq=False)
class _Line:
    """One connection with both its ends."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter | None = None
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)
    broken: bool = False

    def reset(self) -> None:
        self.broken = True
        for writer in (self.client, self.server):
            if writer is not None:
                _reset(writer)

    def close(self) -> None:
        """What was read is still written; then the goodbye."""
        for writer in (self.client, self.server):
            if writer is not None:
                writer.close()


class Proxy:
    """Owns the listening socket and every connection. `faults` may be changed at any time."""

    def __init__(self, place: Place, *, most_connections: int = 1000) -> None:
        self.faults = Faults()
        self.accepted = 0
        self.cuts = 0
        self._place = place
        self._most = most_connections
        self._lines: set[_Line] = set()
        self._server: asyncio.Server | None = None
        self._closing = False

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def connections(self) -> int:
        return len(self._lines)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=BUFFERED, backlog=512)

    async def close(self) -> None:
        """Nothing is left: no socket, no task."""
        assert self._server is not None
        self._closing = True
        self._server.close()
        tasks = [task for line in self._lines for task in line.tasks]
        self.drop()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._server.wait_closed()

    def drop(self) -> int:
        """Reset every connection that exists; returns how many there were."""
        lines = list(self._lines)
        for line in lines:
            line.reset()
        return len(lines)

    def heal(self) -> None:
        """A line in order again; connections that a black hole kept go on."""
        self.faults = Faults()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if self.faults.refuse or len(self._lines) >= self._most:
            _reset(writer)
            return
        line = _Line(writer)
        self._lines.add(line)
        try:
            await self._join(line, reader)
        except asyncio.CancelledError:
            if not self._closing:  # asyncio's server is loud about tasks that end cancelled
                raise
        finally:
            self._lines.discard(line)
            if not line.broken:
                line.close()

    async def _join(self, line: _Line, from_client: asyncio.StreamReader) -> None:
        """Until one of the two is through."""
        current = asyncio.current_task()
        assert current is not None
        line.tasks.append(current)
        await self._while_black()
        try:
            from_server, line.server = await self._place.connect()
        except OSError:
            line.reset()
            return
        there = asyncio.create_task(self._pass_on(from_client, line.server, line, looks=True))
        back = asyncio.create_task(self._pass_on(from_server, line.client, line, looks=False))
        line.tasks += [there, back]
        try:
            await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (there, back):
                task.cancel()
            await asyncio.wait([there, back])

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: _Line, *, looks: bool
    ) -> None:
        tail = b""
        try:
            while data := await reader.read(CHUNK):
                await self._while_black()
                if self.faults.latency_s:
                    await asyncio.sleep(self.faults.latency_s)
                await self._write(writer, data)
                if looks:
                    tail = self._look(tail + data, line)
        except OSError:
            line.reset()

    async def _write(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        """Whole, or in slices, or as slowly as the line allows."""
        faults = self.faults
        if faults.slice_bytes is None and faults.bytes_per_s is None:
            writer.write(data)
            await writer.drain()
            return
        size = faults.slice_bytes or max((faults.bytes_per_s or CHUNK) // 20, 1)
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(len(piece) / faults.bytes_per_s if faults.bytes_per_s else 0)

    def _look(self, sent: bytes, line: _Line) -> bytes:
        """Cut the line if a text was seen; returns what the next look must see again of this one."""
        texts = self.faults.cut_after
        if not texts or self.faults.cuts_left <= 0:
            return b""
        if any(text in sent for text in texts):
            self.faults.cuts_left -= 1
            self.cuts += 1
            line.reset()
            return b""
        return sent[-max(map(len, texts)) + 1 :]

    async def _while_black(self) -> None:
        while self.faults.black_hole:
            await asyncio.sleep(_LOOK_AGAIN_S)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Not a goodbye: the other side sees a reset, as from a host that has lost its memory."""
    found = writer.get_extra_info("socket")
    if found is not None and found.fileno() >= 0 and found.family != socket.AF_UNIX:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


@asynccontextmanager
async def running(place: Place) -> AsyncIterator[Proxy]:
    proxy = Proxy(place)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.close()


def place_of(database_url: str) -> Place:
    """Where the server of a connection string is."""
    parts = urlsplit(database_url)
    folder = parse_qs(parts.query).get("host", [""])[0]
    port = parts.port or 5432
    if folder.startswith("/"):
        return Place(path=f"{folder}/.s.PGSQL.{port}")
    return Place(parts.hostname or "127.0.0.1", port)


def through(proxy: Proxy, database_url: str) -> str:
    """The same database by way of the proxy."""
    parts = urlsplit(database_url)
    return urlunsplit(
        parts._replace(netloc=f"{parts.username or 'postgres'}@127.0.0.1:{proxy.port}", query="sslmode=disable")
    )
