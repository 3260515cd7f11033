"""The HTTP server around the application: uvicorn on uvloop, with limits that uvicorn itself does not have.

Headers are limited in size, in number and in the time they may take; a connection that sends rubbish or trickles
is closed. A stop finishes the calls in flight, within `shutdown_s`, before anything else is taken down.
"""

import asyncio
import contextlib
import errno
import gc
import socket
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tollhouse.foundation.errors import StartupError

MAX_HEADERS: Final = 100
HEADERS_TIMEOUT_S: Final = 15.0
LINGER_S: Final = 1.0
LINGER_BYTES: Final = 4 << 20
KEEP_ALIVE_S: Final = 75
BACKLOG: Final = 2048

_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

Application = Callable[..., Awaitable[None]]


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with the limits on headers that its httptools parser lacks.

    Counts what arrives until a request's headers are complete; `limited_protocol` sets how much may arrive. Who is
    refused is answered at once and listened to for a moment longer: closing on unread bytes resets the connection,
    and the answer would be lost.
    """

    max_header_bytes: ClassVar[int]

    _head_bytes = 0
    _head_complete = False
    _head_timer: asyncio.TimerHandle | None = None
    _refused = False
    _ignored_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Who says nothing is let go without a word: an answer to nothing would pass for that to the next request."""
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(KEEP_ALIVE_S, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            self._ignore(data)
            return
        if not self._head_complete:
            self._head_bytes += len(data)
        super().data_received(data)
        if not self._head_complete and self._head_bytes > self.max_header_bytes:
            self._refuse(_TOO_LARGE)

    def on_message_begin(self) -> None:
        if not self._refused:
            self._stop_timer()
            self._head_complete = False
            self._head_timer = self.loop.call_later(HEADERS_TIMEOUT_S, self._refuse, _TOO_SLOW)
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > MAX_HEADERS:
            self._refuse(_TOO_LARGE)

    def on_headers_complete(self) -> None:
        self._head_complete = True
        self._head_bytes = 0
        if not self._refused:
            self._stop_timer()
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._refused:
            super().on_message_complete()

    def _refuse(self, answer: bytes) -> None:
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        self._stop_timer()
        self.transport.write(answer)
        self._head_timer = self.loop.call_later(LINGER_S, self.transport.close)

    def _ignore(self, data: bytes) -> None:
        self._ignored_bytes += len(data)
        if self._ignored_bytes > LINGER_BYTES:
            self.transport.abort()

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def limited_protocol(max_header_bytes: int) -> type[LimitedProtocol]:
    """The protocol class for one limit; uvicorn makes its instances itself."""
    return type("LimitedProtocol", (LimitedProtocol,), {"max_header_bytes": max_header_bytes})


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, opened before anything else starts; a port in use is one clear line."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, or asyncio leaves Nagle's delay on for accepted connections.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as cause:
        listener.close()
        raise StartupError(_why_not(host, port, cause)) from cause
    listener.setblocking(False)  # noqa: FBT003 - the name of the method says it
    return listener


def inherited(descriptor: int) -> socket.socket:
    """A listening socket that the process before us opened and left to us."""
    listener = socket.socket(fileno=descriptor)
    listener.setblocking(False)  # noqa: FBT003 - the name of the method says it
    return listener


def _why_not(host: str, port: int, cause: OSError) -> str:
    if cause.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use; stop what uses it or set TOLLHOUSE_PORT to another one"
    return f"cannot listen on {host}:{port}: {cause.strerror or cause}. Check TOLLHOUSE_HOST and TOLLHOUSE_PORT."


class Server(uvicorn.Server):
    """uvicorn without its own signal handlers: whoever runs us decides when to stop."""

    def install_signal_handlers(self) -> None:
        return

    def capture_signals(self) -> Any:
        return contextlib.nullcontext()

    def stop(self) -> None:
        """Accept nothing new, finish what is in flight."""
        self.should_exit = True

    def stop_when_let_go(self, leash: int) -> None:
        """Stop as well when the other end of this pipe closes: whoever looked after us is gone."""
        loop = asyncio.get_running_loop()

        def let_go() -> None:
            loop.remove_reader(leash)
            self.stop()

        loop.add_reader(leash, let_go)

    async def last_words(self, timeout_s: float) -> None:
        """Wait for exchanges that were cut off at the end of a stop: they still book what they cost."""
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=timeout_s)


def make_server(application: Application, *, max_header_bytes: int, shutdown_s: float) -> Server:
    """A server for `serve(sockets=[...])`."""
    return Server(
        uvicorn.Config(
            application,
            http=limited_protocol(max_header_bytes),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=int(shutdown_s),
        )
    )


def settle_memory() -> None:
    """The catalog and the libraries are here to stay: a collector that looks at them again holds up every call."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
