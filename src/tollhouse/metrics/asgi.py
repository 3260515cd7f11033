"""The door of `/metrics`: raw ASGI, one token, and no work on the event loop that calls would wait for.

Whoever reads here learns how much the installation is used and what it costs, so without a token there is no door at
all: not for this machine either, since a proxy in front makes everybody look as if they came from here.
"""

import asyncio
import hmac
import time
from pathlib import Path
from typing import Any, Final

from prometheus_client.exposition import choose_encoder

from tollhouse.foundation.secrets import Secret
from tollhouse.metrics.families import Snapshot
from tollhouse.metrics.standing import Standing
from tollhouse.tallies.cells import read_all

_PLAIN: Final = b"text/plain; charset=utf-8"


class Metrics:
    """The ASGI application for `/metrics`."""

    def __init__(self, token: Secret, folder: Path, standing: Standing) -> None:
        """`folder`: where the machine's workers count."""
        self._token = token
        self._folder = folder
        self._standing = standing

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        if scope["method"] != "GET":
            await _answer(send, 405, _PLAIN, b"metrics are read with GET\n", (b"allow", b"GET"))
        elif not self._knows(headers.get(b"authorization", b"")):
            challenge = (b"www-authenticate", b"Bearer")
            await _answer(send, 401, _PLAIN, b"send the metrics token as `Authorization: Bearer ...`\n", challenge)
        else:
            content_type, body = await self._page(headers.get(b"accept", b"").decode("latin-1"))
            await _answer(send, 200, content_type, body)

    def _knows(self, authorization: bytes) -> bool:
        scheme, _, token = authorization.partition(b" ")
        return scheme.lower() == b"bearer" and hmac.compare_digest(token.strip(), self._token.reveal().encode())

    async def _page(self, accept: str) -> tuple[bytes, bytes]:
        standing = await self._standing.look()
        return await asyncio.to_thread(_page, self._folder, standing, accept)


def _page(folder: Path, standing: Any, accept: str) -> tuple[bytes, bytes]:
    encoder, content_type = choose_encoder(accept)
    snapshot: Any = Snapshot(read_all(folder), standing, time.time())
    return content_type.encode(), encoder(snapshot)


async def _answer(send: Any, status: int, content_type: bytes, body: bytes, *extra: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode()), *extra]
    await send(
        {"type": "http.response.start", "status": status, "headers": [*headers, (b"cache-control", b"no-store")]}
    )
    await send({"type": "http.response.body", "body": body})
