"""One ASGI exchange with a sender of spans: the body in, within what it may take, and one answer out."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

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
from tollhouse.intake import refusals
from tollhouse.intake.capacity import Load

_LINGER_BYTES: Final = 64 << 20
_LINGER_S: Final = 5.0
_STALLED_READER_S: Final = 30.0


class Exchange:
    """One request. `encoding` is the Content-Type that its answers have, too."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._headers: Headers = scope["headers"]
        self._receive = receive
        self._send = send
        self._body_read = False
        self.content_type = (self.header(b"content-type") or b"").partition(b";")[0].strip().lower()
        self.encoding = refusals.PROTOBUF if self.content_type == refusals.PROTOBUF else refusals.JSON

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header; names are lower case."""
        return header_of(self._headers, name)

    def text(self, name: bytes) -> str:
        return (self.header(name) or b"").decode("latin-1").strip()

    def declared_bytes(self) -> int | None:
        """What `Content-Length` says."""
        declared = self.header(b"content-length") or b""
        return int(declared) if declared.isdigit() and len(declared) < 20 else None

    async def read(self, limit_bytes: int, timeout_s: float, load: Load) -> bytes:
        """The whole body. Raises TooLarge, RequestTimeout, Unavailable or CallerGone."""
        try:
            async with asyncio.timeout(timeout_s):
                body = await whole_body(self._receive, _within(limit_bytes, load))
        except TimeoutError as cause:
            raise refusals.body_too_slow(timeout_s) from cause
        self._body_read = True
        return body

    async def answer(self, status: int, body: bytes, extra: Headers = ()) -> None:
        await self._start(status, body, extra)
        await self._put({"type": "http.response.body", "body": body, "more_body": False})

    async def refuse(self, error: TollhouseError, *, close: bool = False) -> None:
        """The `Status` of a refusal. While the body still arrives it is let run out, bounded, behind the answer:

        closing at once would reset the connection, and most senders would never see why.
        """
        body = refusals.status_body(error, self.encoding)
        extra = retry_after(error)
        if self._body_read and not close:
            await self.answer(error.status, body, extra)
            return
        await self._start(error.status, body, [*extra, (b"connection", b"close")])
        await self._put({"type": "http.response.body", "body": body, "more_body": not close})
        if not close:
            await let_run_out(self._receive, most_bytes=_LINGER_BYTES, within_s=_LINGER_S)
            await self._put({"type": "http.response.body", "body": b"", "more_body": False})

    async def _start(self, status: int, body: bytes, extra: Headers) -> None:
        headers = [(b"content-type", self.encoding), (b"content-length", str(len(body)).encode()), *extra]
        await self._put({"type": "http.response.start", "status": status, "headers": headers})

    async def _put(self, message: dict[str, Any]) -> None:
        await put(self._send, message, within_s=_STALLED_READER_S)


def _within(limit_bytes: int, load: Load) -> Callable[[int], None]:
    def grown(size: int) -> None:
        if size > limit_bytes:
            raise refusals.body_too_large(limit_bytes)
        load.grow_to(size)

    return grown
