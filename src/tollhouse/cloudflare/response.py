"""One answer, as it arrives: a status, headers, and pieces of body between the connection and one reader.

The connection puts in, the reader takes out; neither waits for the other except through here. The answer owns
its connection until it is complete or closed, exactly once, whatever ended it.
"""

import asyncio
from typing import Final, Protocol

from tollhouse.cloudflare.failures import UpstreamBroken, UpstreamError, UpstreamProtocolError

Headers = list[tuple[bytes, bytes]]

HIGH_WATER_BYTES: Final = 128 << 10
"""Unread bytes above which the connection stops reading; one more read of the socket may lie on top."""


class Source(Protocol):
    """The connection, as its answer sees it."""

    def read_on(self) -> None:
        """The reader has caught up."""
        ...

    def abandon(self) -> None:
        """Nobody will read the rest: close."""
        ...


class UpstreamResponse:
    """An answer whose head is here and whose body may still be coming. For one reader."""

    __slots__ = ("_complete", "_fault", "_pieces", "_source", "_waiter", "headers", "status", "unread_bytes")

    def __init__(self, source: Source) -> None:
        self.status = 0
        self.headers: Headers = []
        self.unread_bytes = 0
        self._source: Source | None = source
        self._pieces: list[bytes] = []
        self._fault: UpstreamError | None = None
        self._complete = False
        self._waiter: asyncio.Future[None] | None = None

    async def next_chunk(self) -> bytes | None:
        """What has arrived, in one piece; None after the complete end. Raises UpstreamError where it broke off."""
        while not self._pieces:
            if self._fault is not None:
                raise self._fault
            if self._complete:
                return None
            await self._change()
        return self._take()

    async def read(self, limit: int) -> bytes:
        """The whole body. One that is longer than `limit` bytes is closed and raises UpstreamProtocolError."""
        pieces: list[bytes] = []
        total = 0
        while (piece := await self.next_chunk()) is not None:
            total += len(piece)
            if total > limit:
                await self.aclose()
                raise UpstreamProtocolError("The answer is longer than can be taken.")
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def aclose(self) -> None:
        """Give up what is left. Closes the connection unless the answer was complete; safe to repeat."""
        self._pieces.clear()
        self.unread_bytes = 0
        source = self._source
        if source is not None:
            self.fail(UpstreamBroken("The answer was closed before its end."))
            source.abandon()

    async def head(self) -> None:
        """Wait for status and headers; for the pool, before it hands the answer out."""
        while not self.status:
            if self._fault is not None:
                raise self._fault
            await self._change()

    # What the connection calls:

    def begin(self, status: int, headers: Headers) -> None:
        self.status, self.headers = status, headers
        self._wake()

    def feed(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self.unread_bytes += len(piece)
        self._wake()

    def finish(self) -> None:
        """The body is complete; the connection may serve others while the rest is being read."""
        self._complete = True
        self._source = None
        self._wake()

    def fail(self, fault: UpstreamError) -> None:
        """Nothing more will come; the reader gets what arrived, then the fault."""
        self._fault = fault
        self._source = None
        self._wake()

    def _take(self) -> bytes:
        pieces = self._pieces
        taken = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.unread_bytes = 0
        if self._source is not None:
            self._source.read_on()
        return taken

    async def _change(self) -> None:
        if self._waiter is not None:
            raise RuntimeError("an answer has one reader")
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
