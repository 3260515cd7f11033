"""A client for many slow streams at once, which wrk cannot be. Raw sockets: it counts bytes and parses nothing.

Callers start spread over the time between two chunks, so that their chunks do not arrive in one lump.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from bench.processes import BenchError

_END: Final = b"0\r\n\r\n"
_ANSWER_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class StreamLoad:
    """What to ask for. `chunks` are those with content, per stream; new streams begin for `seconds`."""

    url: str
    authorization: str
    body: bytes
    callers: int
    chunks: int
    spread_s: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Streamed:
    """What came back, whole streams only."""

    streams: int
    chunks: int
    seconds: float


async def stream(load: StreamLoad) -> Streamed:
    """Keep `callers` streams open at once; raises BenchError for a stream that is not whole."""
    begun_at = time.monotonic()
    until = begun_at + load.seconds
    request = _request(load)
    async with asyncio.TaskGroup() as callers:
        delays = [load.spread_s * number / load.callers for number in range(load.callers)]
        tasks = [callers.create_task(_call(load, request, delay, until)) for delay in delays]
    streams = sum(task.result() for task in tasks)
    return Streamed(streams, streams * load.chunks, time.monotonic() - begun_at)


async def _call(load: StreamLoad, request: bytes, delay_s: float, until: float) -> int:
    """One caller on one connection, one stream after the other; how many it got."""
    await asyncio.sleep(delay_s)
    address = urlsplit(load.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    streams = 0
    try:
        while time.monotonic() < until:
            writer.write(request)
            async with asyncio.timeout(_ANSWER_S):
                _check(await _answer(reader), load.chunks)
            streams += 1
    finally:
        writer.close()
    return streams


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """The bytes of one answer up to the end that chunked encoding gives it."""
    received = bytearray()
    while not received.endswith(_END):
        data = await reader.read(65_536)
        if not data:
            break
        received += data
    return bytes(received)


def _check(answer: bytes, chunks: int) -> None:
    """Every chunk with content, and the end."""
    content = answer.count(b'"content":"The keeper')
    if not answer.startswith(b"HTTP/1.1 200") or content != chunks or b"[DONE]" not in answer:
        raise BenchError(f"a stream came back with {content} of {chunks} chunks: {answer[:200]!r}")


def _request(load: StreamLoad) -> bytes:
    address = urlsplit(load.url)
    head = (
        f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: {load.authorization}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(load.body)}\r\n\r\n"
    )
    return head.encode() + load.body
