"""The pool of connections to Cloudflare's gateway: the road every call takes.

A library client costs several times the rest of a call, so this is our own: HTTP/1.1 with keep-alive, one request
at a time on a connection, no task and no timer per call. Who finds no connection free waits in line, bounded in
number and time. Redirects are not followed and nothing is sent twice: a failed connection attempt is repeated
once, a kept connection that closed before a byte was written is replaced, and after the first byte there is no
second try, because nobody could say what the first one cost.
"""

import asyncio
import math
import ssl
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tollhouse.cloudflare.connection import Connection
from tollhouse.cloudflare.failures import (
    ConnectFailed,
    FirstByteTimeout,
    PoolExhausted,
    UnsafeRequest,
    UpstreamBroken,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamStalled,
)
from tollhouse.cloudflare.limits import PoolLimits
from tollhouse.cloudflare.request import head_of, origin_of
from tollhouse.cloudflare.response import UpstreamResponse

__all__ = [
    "ConnectFailed",
    "FirstByteTimeout",
    "PoolExhausted",
    "PoolLimits",
    "UnsafeRequest",
    "UpstreamBroken",
    "UpstreamError",
    "UpstreamPool",
    "UpstreamProtocolError",
    "UpstreamResponse",
    "UpstreamStalled",
]

_RETRY_AFTER_S: Final = 1
_FAREWELL_S: Final = 1.0
_CLOSING: Final = "The gateway is shutting down."


class _Slot:
    """Leave to open one connection."""


_SLOT: Final = _Slot()
_Turn = Connection | _Slot


@dataclass(slots=True, eq=False)
class _Waiter:
    """A caller in line; `turn` is resolved by whoever gives something back."""

    turn: asyncio.Future[_Turn]
    until: float


class UpstreamPool:
    """Connections to one origin. Belongs to the event loop it is first used on."""

    def __init__(self, base_url: str, *, limits: PoolLimits, ssl_context: ssl.SSLContext | None = None) -> None:
        """`ssl_context` defaults to the system's trust store; certificates and names are always verified by it.

        Raises ValueError for a base URL that is none.
        """
        self._origin = origin_of(base_url)
        self._limits = limits
        self._ssl = (ssl_context or _verifying()) if self._origin.tls else None
        self._connections: set[Connection] = set()
        self._idle: list[Connection] = []
        self._waiting: deque[_Waiter] = deque()
        self._connecting = 0
        self._closing = False
        self._nothing_open = asyncio.Event()
        self._nothing_open.set()
        self._watch: asyncio.TimerHandle | None = None

    @property
    def open(self) -> int:
        """Connections that stand, in use or not."""
        return len(self._connections)

    @property
    def in_use(self) -> int:
        """Connections that carry a call."""
        return len(self._connections) - len(self._idle)

    @property
    def waiting(self) -> int:
        """Callers in line for a connection."""
        return len(self._waiting)

    async def send(
        self, path: str, headers: Iterable[tuple[bytes, bytes]], body: bytes, *, deadline: float = math.inf
    ) -> UpstreamResponse:
        """POST and wait for the head of the answer; the caller must `aclose` it, whatever happens.

        `path` follows the base URL. `deadline` (`time.monotonic`) bounds the whole call, its body included.
        Raises UpstreamError; `sent` says whether the request may have been seen.
        """
        head = head_of(self._origin, path, headers, len(body))
        connection = await self._lease(deadline)
        response = connection.start(head, body, deadline)
        try:
            await response.head()
        except BaseException:
            await response.aclose()
            raise
        return response

    async def close(self, wait_s: float = 5.0) -> None:
        """Refuse new calls, close what is idle, give calls under way `wait_s` to end, then cut them off."""
        self._closing = True
        while self._waiting:
            _refuse(self._waiting.popleft(), _CLOSING)
        for connection in list(self._idle):
            connection.abort()
        await self._until_nothing_open(wait_s)
        for connection in list(self._connections):
            connection.abort()
        await self._until_nothing_open(_FAREWELL_S)
        self._stop_watch()

    # What connections call

    def released(self, connection: Connection) -> None:
        if self._closing:
            connection.abort()
        elif (waiter := self._next_in_line()) is not None:
            waiter.turn.set_result(connection)
        else:
            self._idle.append(connection)

    def lost(self, connection: Connection) -> None:
        if connection not in self._connections:
            return  # never got as far as being ours
        self._connections.remove(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._slot_is_free()

    # Getting a connection

    async def _lease(self, deadline: float) -> Connection:
        """An idle connection, a new one, or the next that is given back, first come first served."""
        turn = self._at_once()  # nothing is free while anybody waits
        had_turn = False
        while True:
            if turn is None:
                turn = await self._stand_in_line(deadline, at_head=had_turn)
            had_turn = True
            if isinstance(turn, _Slot):
                return await self._connect(deadline)
            if turn.usable():
                return turn
            turn.abort()
            turn = self._at_once()

    def _at_once(self) -> _Turn | None:
        if self._closing:
            raise PoolExhausted(_CLOSING, retry_after_s=_RETRY_AFTER_S)
        if self._idle:
            return self._idle.pop()
        if len(self._connections) + self._connecting < self._limits.max_connections:
            self._take_slot()
            return _SLOT
        return None

    async def _stand_in_line(self, deadline: float, *, at_head: bool) -> _Turn:
        """Wait for a turn. `at_head`: for a caller whose turn it was, but what it got had closed."""
        if len(self._waiting) >= self._limits.max_waiting and not at_head:
            raise PoolExhausted("Too many calls are waiting; try again shortly.", retry_after_s=_RETRY_AFTER_S)
        until = min(time.monotonic() + self._limits.connect_timeout_s, deadline)
        waiter = _Waiter(asyncio.get_running_loop().create_future(), until)
        if at_head:
            self._waiting.appendleft(waiter)
        else:
            self._waiting.append(waiter)
        try:
            return await waiter.turn
        except asyncio.CancelledError:
            self._leave_line(waiter)
            raise

    def _leave_line(self, waiter: _Waiter) -> None:
        """The caller is gone. A turn that had just been given is passed on."""
        if waiter in self._waiting:
            self._waiting.remove(waiter)
        elif waiter.turn.done() and not waiter.turn.cancelled() and waiter.turn.exception() is None:
            turn = waiter.turn.result()
            if isinstance(turn, _Slot):
                self._give_back_slot()
            elif turn.usable():
                self.released(turn)
            else:
                turn.abort()

    def _next_in_line(self) -> _Waiter | None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.turn.done():
                return waiter
        return None

    # Opening and closing

    async def _connect(self, deadline: float) -> Connection:
        """Use the slot that was taken."""
        try:
            connection = await self._dial(deadline)
        except BaseException:
            self._give_back_slot()
            raise
        self._connecting -= 1
        self._connections.add(connection)
        if self._closing:
            connection.abort()
            raise PoolExhausted(_CLOSING, retry_after_s=_RETRY_AFTER_S)
        return connection

    async def _dial(self, deadline: float) -> Connection:
        try:
            try:
                return await self._dial_once(deadline)
            except ssl.SSLCertVerificationError:
                raise  # will not be another one next time
            except OSError:  # TimeoutError is one
                return await self._dial_once(deadline)
        except OSError as cause:
            raise ConnectFailed("The upstream could not be reached.") from cause

    async def _dial_once(self, deadline: float) -> Connection:
        origin = self._origin
        patience_s = min(self._limits.connect_timeout_s, deadline - time.monotonic())
        async with asyncio.timeout(patience_s):
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: Connection(self, self._limits),
                origin.host,
                origin.port,
                ssl=self._ssl,
                server_hostname=origin.host if origin.tls else None,
            )
        if connection.closed:
            raise ConnectionResetError("closed as soon as it was open")
        return connection

    def _take_slot(self) -> None:
        self._connecting += 1
        self._nothing_open.clear()
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(self._limits.watch_interval_s, self._look)

    def _give_back_slot(self) -> None:
        self._connecting -= 1
        self._slot_is_free()

    def _slot_is_free(self) -> None:
        waiter = None if self._closing else self._next_in_line()
        if waiter is not None:
            self._take_slot()
            waiter.turn.set_result(_SLOT)
        elif not self._connections and not self._connecting:
            self._nothing_open.set()

    async def _until_nothing_open(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._nothing_open.wait()
        except TimeoutError:
            return

    # Deadlines

    def _look(self) -> None:
        """End what has lasted too long; then look again later, as long as there is anything to look at."""
        now = time.monotonic()
        for connection in [each for each in self._connections if each.deadline <= now]:
            connection.expire()
        for waiter in [each for each in self._waiting if each.until <= now]:
            self._waiting.remove(waiter)
            _refuse(waiter, "No connection became free in time; try again shortly.")
        self._watch = None
        if self._connections or self._connecting:
            loop = asyncio.get_running_loop()
            self._watch = loop.call_later(self._limits.watch_interval_s, self._look)

    def _stop_watch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None


def _refuse(waiter: _Waiter, message: str) -> None:
    if not waiter.turn.done():
        waiter.turn.set_exception(PoolExhausted(message, retry_after_s=_RETRY_AFTER_S))


def _verifying() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
