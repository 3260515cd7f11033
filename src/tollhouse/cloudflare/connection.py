"""One HTTP/1.1 connection: writes one request at a time, feeds what comes back to the parser and to its answer.

No tasks and no timers of its own: the pool looks at `deadline` now and then and calls `expire`. What may be used
again, and what was sent, is known here only.
"""

import asyncio
import math
import select
import sys
import time
from typing import Final, Protocol, cast

import httptools

from tollhouse.cloudflare.failures import (
    FirstByteTimeout,
    UpstreamBroken,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamStalled,
)
from tollhouse.cloudflare.limits import PoolLimits
from tollhouse.cloudflare.response import HIGH_WATER_BYTES, Headers, UpstreamResponse

_SLICE_BYTES: Final = 64 << 10


class Owner(Protocol):
    """The pool, as a connection sees it."""

    def released(self, connection: "Connection") -> None:
        """The answer is complete and the connection may be used again."""
        ...

    def lost(self, connection: "Connection") -> None:
        """The connection is closed."""
        ...


class Connection(asyncio.Protocol):
    """`deadline` (monotonic) is when whatever goes on now has lasted too long."""

    def __init__(self, owner: Owner, limits: PoolLimits) -> None:
        self.deadline = math.inf
        self._owner = owner
        self._limits = limits
        self._transport: asyncio.Transport | None = None
        self._readable: _Readable | None = None
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._response: UpstreamResponse | None = None
        self._call_deadline = math.inf
        self._headers: Headers = []
        self._head_bytes = 0
        self._other_bytes = 0
        self._interim = False
        self._reusable = False
        self._reading_paused = False
        self._writing_paused = False
        self._unsent = memoryview(b"")

    # What the pool calls

    def start(self, head: bytes, body: bytes, call_deadline: float) -> UpstreamResponse:
        """Send a request. From here on it counts as sent, even if no byte gets through."""
        response = UpstreamResponse(self)
        self._response = response
        self._call_deadline = call_deadline
        self._headers, self._head_bytes, self._other_bytes = [], 0, 0
        self._extend(self._limits.first_byte_timeout_s)
        if len(body) <= _SLICE_BYTES:
            self._write(head + body)
        else:
            self._write(head)
            self._unsent = memoryview(body)
            self._write_on()
        return response

    @property
    def closed(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def usable(self) -> bool:
        """Whether an idle connection can take a request: open, and silent.

        The kernel is asked too. A goodbye that has arrived but was not yet read by the loop would otherwise be
        noticed only after the request is written, and then nobody can say what it cost.
        """
        return not self.closed and self._readable is not None and not self._readable()

    def expire(self) -> None:
        """The deadline has passed."""
        response = self._response
        if response is None:
            self.abort()
        elif response.status:
            self._fail(UpstreamStalled("The answer stood still for too long."))
        else:
            self._fail(FirstByteTimeout("The model provider did not begin to answer in time."))

    def abort(self) -> None:
        """Close at once; HTTP/1.1 needs no goodbye. Safe to repeat."""
        self.deadline = math.inf
        if self._transport is not None:
            self._transport.abort()

    # What the answer calls

    def read_on(self) -> None:
        if self._reading_paused and self._transport is not None and not self._transport.is_closing():
            self._reading_paused = False
            self._transport.resume_reading()
            self._extend(self._limits.idle_timeout_s)

    def abandon(self) -> None:
        self._response = None
        self.abort()

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._readable = _Readable(transport.get_extra_info("socket").fileno())

    def data_received(self, data: bytes) -> None:
        if self._response is None or self._parser is None:
            self.abort()  # bytes that nobody asked for
            return
        self._other_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as cause:
            self._reusable = False
            self._fail(_protocol_error(cause))
            return
        self._after_data()

    def connection_lost(self, exc: Exception | None) -> None:
        """Closed, by whom ever. An answer that is not complete now was cut.

        So is one without a length, whose end is the connection's end (RFC 9112, 6.3): a cut would look the same,
        over TLS too, and Cloudflare always sends a length or chunks.
        """
        if self._response is not None:
            begun = bool(self._response.status)
            message = "The answer was cut short." if begun else "The connection was closed without an answer."
            fault = UpstreamBroken(message)
            fault.__cause__ = exc
            self._fail(fault)
        self.deadline = math.inf
        self._transport = None
        self._parser = None  # it holds on to us
        self._unsent = memoryview(b"")
        self._owner.lost(self)

    def pause_writing(self) -> None:
        self._writing_paused = True

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._write_on()

    # What the parser calls

    def on_message_begin(self) -> None:
        if self._response is None:
            raise UpstreamProtocolError("More than one answer came to one request.")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > self._limits.max_header_bytes:
            raise UpstreamProtocolError("The answer's head is too long.")
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        assert self._parser is not None  # noqa: S101 - it is calling
        assert self._response is not None  # noqa: S101 - on_message_begin looked
        status = self._parser.get_status_code()
        self._interim = status < 200
        headers, self._headers = self._headers, []
        if not self._interim:
            self._response.begin(status, headers)

    def on_body(self, piece: bytes) -> None:
        response = self._response
        assert response is not None  # noqa: S101 - on_message_begin looked
        self._other_bytes = 0
        response.feed(piece)
        if response.unread_bytes > HIGH_WATER_BYTES and not self._reading_paused and self._transport is not None:
            self._reading_paused = True
            self._transport.pause_reading()
            self.deadline = self._call_deadline  # the reader is slow, not the other side

    def on_message_complete(self) -> None:
        if self._interim:
            return
        assert self._parser is not None  # noqa: S101 - it is calling
        assert self._response is not None  # noqa: S101 - on_message_begin looked
        self._reusable = self._parser.should_keep_alive()
        response, self._response = self._response, None
        response.finish()

    def _after_data(self) -> None:
        response = self._response
        if response is None:
            self._after_answer()
        elif self._other_bytes > self._limits.max_header_bytes:
            self._fail(UpstreamProtocolError("The answer's head is too long."))
        elif response.status and not self._reading_paused:
            self._extend(self._limits.idle_timeout_s)

    def _after_answer(self) -> None:
        """The answer is complete: give the connection back, or close it."""
        transport = self._transport
        if transport is None or not self._reusable or self._unsent or transport.get_write_buffer_size():
            self.abort()
            return
        if self._reading_paused:
            self._reading_paused = False
            transport.resume_reading()
        self.deadline = time.monotonic() + self._limits.keepalive_s
        self._owner.released(self)

    def _write(self, data: bytes | memoryview) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _write_on(self) -> None:
        """Hand the body over in slices, as fast as the other side takes them."""
        while self._unsent and not self._writing_paused:
            piece, self._unsent = self._unsent[:_SLICE_BYTES], self._unsent[_SLICE_BYTES:]
            self._write(piece)

    def _fail(self, fault: UpstreamError) -> None:
        response, self._response = self._response, None
        if response is not None:
            response.fail(fault)
        self.abort()

    def _extend(self, seconds: float) -> None:
        self.deadline = min(time.monotonic() + seconds, self._call_deadline)


class _Readable:
    """Whether the kernel holds something to read for a socket, without reading it: about a microsecond."""

    __slots__ = ("_poll",)

    def __init__(self, fd: int) -> None:
        self._poll = None
        if sys.platform != "win32":
            self._poll = select.poll()
            self._poll.register(fd, select.POLLIN)

    def __call__(self) -> bool:
        return self._poll is not None and bool(self._poll.poll(0))


def _protocol_error(cause: Exception) -> UpstreamProtocolError:
    """What a callback complained of, or what the parser did."""
    complaint = cause.__context__
    fault = (
        complaint if isinstance(complaint, UpstreamProtocolError) else UpstreamProtocolError("The answer is not HTTP.")
    )
    fault.__cause__ = None if fault is complaint else cause
    return fault
