"""HTTP over raw ASGI: the pieces that doors without a framework share. Bounds and refusals are the doors' own."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from tollhouse.foundation.errors import TollhouseError

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]


class CallerGone(Exception):
    """The caller hung up before its request was complete: nobody is left to answer."""


def header_of(headers: Headers, name: bytes) -> bytes | None:
    """The first value of a header; names are lower case."""
    for key, value in headers:
        if key == name:
            return value
    return None


def retry_after(error: TollhouseError) -> list[tuple[bytes, bytes]]:
    """The header of a refusal that says when to come again, if it does."""
    return [] if error.retry_after_s is None else [(b"retry-after", str(error.retry_after_s).encode())]


async def whole_body(receive: Receive, grown: Callable[[int], None]) -> bytes:
    """The body; `grown` hears how many bytes there are, and raises when they are too many. Raises CallerGone."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CallerGone
        parts.append(message["body"])
        size += len(message["body"])
        grown(size)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


async def let_run_out(receive: Receive, *, most_bytes: int, within_s: float) -> None:
    """Take the rest of a body and forget it: closing on it would reset the connection, and lose the answer."""
    seen = 0
    try:
        async with asyncio.timeout(within_s):
            while seen < most_bytes:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
                seen += len(message["body"])
    except TimeoutError:
        return


async def put(send: Send, message: dict[str, Any], *, within_s: float) -> bool:
    """Whether the caller took it: a reader that stopped reading did not."""
    try:
        async with asyncio.timeout(within_s):
            await send(message)
    except (OSError, TimeoutError):
        return False
    return True
