"""One ASGI exchange with a sender of spans: the body in, within what it may take, and one answer out."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from tollhouse.foundation.errors import TollhouseError
from tollhouse.intake import refusals
from tollhouse.intake.capacity import Load

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]

_LINGER_BYTES: Final = 64 << 20
_LINGER_S: Final = 5.0
_STALLED_READER_S: Final = 30.0


class SenderGone(Exception):
    """The sender hung up before its request was complete: nobody is left to answer."""


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
        for key, value in self._headers:
            if key == name:
                return value
        return None

    def text(self, name: bytes) -> str:
        return (self.header(name) or b"").decode("latin-1").strip()

    def declared_bytes(self) -> int | None:
        """What `Content-Length` says."""
        declared = self.header(b"content-length") or b""
        return int(declared) if declared.isdigit() and len(declared) < 20 else None

    async def read(self, limit_bytes: int, timeout_s: float, load: Load) -> bytes:
        """The whole body. Raises TooLarge, RequestTimeout, Unavailable or SenderGone."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._gather(limit_bytes, load)
        except TimeoutError as cause:
            raise refusals.body_too_slow(timeout_s) from cause

    async def _gather(self, limit_bytes: int, load: Load) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise SenderGone
            parts.append(message["body"])
            size += len(message["body"])
            if size > limit_bytes:
                raise refusals.body_too_large(limit_bytes)
            load.grow_to(size)
            if not message.get("more_body", False):
                self._body_read = True
                return parts[0] if len(parts) == 1 else b"".join(parts)

    async def answer(self, status: int, body: bytes, extra: Headers = ()) -> None:
        await self._start(status, body, extra)
        await self._put({"type": "http.response.body", "body": body, "more_body": False})

    async def refuse(self, error: TollhouseError, *, close: bool = False) -> None:
        """The `Status` of a refusal. While the body still arrives it is let run out, bounded, behind the answer:

        closing at once would reset the connection, and most senders would never see why.
        """
        body = refusals.status_body(error, self.encoding)
        extra = [] if error.retry_after_s is None else [(b"retry-after", str(error.retry_after_s).encode())]
        if self._body_read and not close:
            await self.answer(error.status, body, extra)
            return
        await self._start(error.status, body, [*extra, (b"connection", b"close")])
        await self._put({"type": "http.response.body", "body": body, "more_body": not close})
        if not close:
            await self._let_run_out()
            await self._put({"type": "http.response.body", "body": b"", "more_body": False})

    async def _start(self, status: int, body: bytes, extra: Headers) -> None:
        headers = [(b"content-type", self.encoding), (b"content-length", str(len(body)).encode()), *extra]
        await self._put({"type": "http.response.start", "status": status, "headers": headers})

    async def _let_run_out(self) -> None:
        seen = 0
        try:
            async with asyncio.timeout(_LINGER_S):
                while seen < _LINGER_BYTES:
                    message = await self._receive()
                    if message["type"] == "http.disconnect" or not message.get("more_body", False):
                        return
                    seen += len(message["body"])
        except TimeoutError:
            return

    async def _put(self, message: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(_STALLED_READER_S):
                await self._send(message)
        except (OSError, TimeoutError):
            return
