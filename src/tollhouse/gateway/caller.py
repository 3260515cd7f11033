"""The caller's side of one ASGI exchange: the body in, the answer out, and whether anybody still listens.

Every wait has a limit: a body that trickles in, a reader that stopped reading. A caller who is gone is never an
error here; the road goes on without writing, so that the money comes out right.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import msgspec

from tollhouse.foundation.asgi import (
    Headers,
    Receive,
    Scope,
    Send,
    header_of,
    let_run_out,
    put,
    retry_after,
    whole_body,
)
from tollhouse.foundation.errors import TollhouseError
from tollhouse.gateway import refusals

_LINGER_BYTES: Final = 256 << 20
_LINGER_S: Final = 10.0
_STALLED_READER_S: Final = 60.0

_encode = msgspec.json.encode


class Caller:
    """One exchange. `gone` turns true when the caller hung up or stopped reading."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, call_id: str) -> None:
        self._headers: Headers = scope["headers"]
        self._receive = receive
        self._send = send
        self._call_id = call_id.encode()
        self._watcher: asyncio.Task[None] | None = None
        self.started = False
        self.body_read = False
        self.gone = False

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header; names are lower case."""
        return header_of(self._headers, name)

    async def read_body(self, limit_bytes: int, timeout_s: float) -> bytes:
        """The whole body. Raises TooLarge, RequestTimeout, or CallerGone."""
        declared = self.header(b"content-length")
        if declared is not None and declared.isdigit() and int(declared) > limit_bytes:
            raise refusals.body_too_large(limit_bytes)
        try:
            async with asyncio.timeout(timeout_s):
                body = await whole_body(self._receive, _within(limit_bytes))
        except TimeoutError as cause:
            raise refusals.body_too_slow(timeout_s) from cause
        self.body_read = True
        return body

    def watch(self) -> None:
        """Notice from now on when the caller hangs up. The body must have been read."""
        self._watcher = asyncio.create_task(self._wait_for_goodbye())

    async def _wait_for_goodbye(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True

    async def start(self, status: int, content_type: bytes, extra: Headers = ()) -> None:
        """Status and headers; the call's id is always among them."""
        self.started = True
        headers = [(b"content-type", content_type), (b"x-tollhouse-call-id", self._call_id), *extra]
        await self._put({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, data: bytes) -> None:
        await self._put({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self, data: bytes = b"") -> None:
        await self._put({"type": "http.response.body", "body": data, "more_body": False})

    async def answer(self, status: int, content_type: bytes, body: bytes, extra: Headers = ()) -> None:
        """A whole answer at once."""
        await self.start(status, content_type, [(b"content-length", str(len(body)).encode()), *extra])
        await self.finish(body)

    async def refuse(self, error: TollhouseError, *, close: bool = False) -> None:
        """The error in OpenAI's envelope; `close`: and the end of the connection."""
        extra = retry_after(error)
        if close:
            extra.append((b"connection", b"close"))
        await self.answer(error.status, b"application/json", _encode(error.body()), extra)

    async def refuse_unread(self, error: TollhouseError) -> None:
        """Refuse while the body is still arriving: answer at once, then let it run out, bounded.

        Closing at once would reset the connection and most clients would never see the answer. A body that is here
        already, as small ones are, is no reason to close at all.
        """
        if await self._has_arrived():
            await self.refuse(error)
            return
        body = _encode(error.body())
        await self.start(
            error.status,
            b"application/json",
            [(b"content-length", str(len(body)).encode()), (b"connection", b"close")],
        )
        await self.write(body)
        await let_run_out(self._receive, most_bytes=_LINGER_BYTES, within_s=_LINGER_S)
        await self.finish()

    async def _has_arrived(self) -> bool:
        """Whether all of the body is here. Asking a caller who waits to be asked for it would bring it."""
        if self.header(b"expect") is not None:
            return False
        try:
            async with asyncio.timeout(0):
                return not (await self._receive()).get("more_body", True)
        except TimeoutError:
            return False

    async def _put(self, message: dict[str, Any]) -> None:
        if not self.gone and not await put(self._send, message, within_s=_STALLED_READER_S):
            self.gone = True

    async def close(self) -> None:
        """Stop watching."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.wait([self._watcher])


def _within(limit_bytes: int) -> Callable[[int], None]:
    def grown(size: int) -> None:
        if size > limit_bytes:
            raise refusals.body_too_large(limit_bytes)

    return grown
