"""HTTP as the emulator sees it: a whole request in, a reply out, and a line that can be cut.

Knows ASGI and nothing else. Paths stay percent-encoded: a path that only matches after decoding does not match.
"""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qsl

import msgspec

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]

DROP_EXTENSION: Final = "emulator.drop"
"""Key in `scope["extensions"]` under which our server offers to close the connection without an answer."""

MAX_BODY_BYTES: Final = 100 << 20
JSON: Final = (b"content-type", b"application/json")
EVENT_STREAM: Final = (b"content-type", b"text/event-stream; charset=utf-8")
PLAIN_TEXT: Final = (b"content-type", b"text/plain; charset=utf-8")
_WORTH_COMPRESSING_BYTES: Final = 256


class BodyTooLarge(Exception):
    """The request is larger than anything the emulator reads."""


class ClientGone(Exception):
    """The client left before its request was complete."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as received; `fields` are its headers by lower-case name, repeated ones joined by a comma."""

    method: str
    path: str
    query: str
    headers: tuple[Header, ...]
    body: bytes
    fields: Mapping[str, str]

    def parameters(self) -> dict[str, str]:
        """The query, last one of equal names wins."""
        return dict(parse_qsl(self.query, keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    status: int
    body: bytes
    headers: list[Header] = field(default_factory=lambda: [JSON])


def json_reply(status: int, value: object) -> Reply:
    return Reply(status, msgspec.json.encode(value))


def bearer(value: str | None) -> str | None:
    """The token of `Bearer <token>`; None when the value is missing or has another form."""
    scheme, _, token = (value or "").partition(" ")
    return token if scheme.lower() == "bearer" and token and " " not in token else None


async def read_request(scope: Scope, receive: Receive) -> Request:
    """Read the body to its end. Raises BodyTooLarge or ClientGone."""
    headers = tuple(scope["headers"])
    return Request(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=await _read_body(receive),
        fields=_fields(headers),
    )


async def _read_body(receive: Receive) -> bytes:
    message = await receive()
    body, more = message.get("body", b""), message.get("more_body", False)
    if message["type"] == "http.disconnect":
        raise ClientGone
    if not more:
        return bytes(body)
    return await _read_rest(bytearray(body), receive)


async def _read_rest(body: bytearray, receive: Receive) -> bytes:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge
    return bytes(body)


def _fields(headers: tuple[Header, ...]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


class Line:
    """The answering side of one exchange: writes, waits while watching for the client to leave, cuts.

    Use as a context manager: it owns the task that watches.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._extensions: Mapping[str, Any] = scope.get("extensions") or {}
        self._receive = receive
        self._send = send
        self._watch: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait({self._watch})

    async def start(self, status: int, headers: list[Header]) -> None:
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, body: bytes, *, last: bool = False) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": not last})

    async def reply(self, reply: Reply) -> None:
        headers = [*reply.headers, (b"content-length", str(len(reply.body)).encode())]
        await self.start(reply.status, headers)
        await self.write(reply.body, last=True)

    async def left_within(self, seconds: float | None) -> bool:
        """Wait that long (None: for ever) or until the client has left; True when it has."""
        if self._watch is None:
            self._watch = asyncio.create_task(self._until_gone())
        done, _ = await asyncio.wait({self._watch}, timeout=seconds)
        return bool(done)

    async def drop(self) -> None:
        """Close the connection after what was written so far; returns when it is closed."""
        self._extensions[DROP_EXTENSION]["close"]()
        await self.left_within(None)

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


def compressed(reply: Reply, accepted: str) -> Reply:
    """What an edge does for a client that says it can read gzip."""
    if "gzip" not in accepted or len(reply.body) < _WORTH_COMPRESSING_BYTES:
        return reply
    packer = zlib.compressobj(level=1, wbits=31)
    body = packer.compress(reply.body) + packer.flush()
    return Reply(reply.status, body, [*reply.headers, (b"content-encoding", b"gzip")])
