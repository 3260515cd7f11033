"""A model provider that costs next to nothing: any POST gets the same completion at once, or the same slow stream.

It knows just enough HTTP to find the end of a request with a `content-length`, and looks for `"stream":true` in the
bytes of the body. It parses nothing else, so its cost per request is small and constant.
"""

import argparse
import asyncio
import re
import signal
from typing import Final, cast

import msgspec
import uvloop

MODEL: Final = "gpt-4o-mini"
LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
"""Where a head says how long its body is."""
_STREAM: Final = re.compile(rb'"stream": ?true')
_REFUSAL: Final = b"HTTP/1.1 411 Length Required\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_USAGE: Final = {
    "prompt_tokens": 203,
    "completion_tokens": 61,
    "total_tokens": 264,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
}
_SAID: Final = "The keeper lifts the bar when the toll is paid, and writes one line into the book. "

_encode = msgspec.json.encode


def whole_answer() -> bytes:
    """An answer of about 700 bytes with its usage, head included."""
    choice = {"index": 0, "message": {"role": "assistant", "content": _SAID * 4}, "finish_reason": "stop"}
    body = _encode(_object("chat.completion") | {"choices": [choice], "usage": _USAGE})
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def stream_head() -> bytes:
    """`x-accel-buffering` is how providers tell an nginx on the way to pass each chunk on as it comes."""
    return (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
        b"x-accel-buffering: no\r\ntransfer-encoding: chunked\r\n\r\n"
    )


def stream_chunk() -> bytes:
    """One event of about 250 bytes, with the `"usage":null` that OpenAI sends when usage is asked for."""
    choice = {"index": 0, "delta": {"content": _SAID[:27]}, "logprobs": None, "finish_reason": None}
    return _framed(_event(_object("chat.completion.chunk") | {"choices": [choice], "usage": None}))


def stream_tail() -> bytes:
    """Finish, usage, `[DONE]` and the end of the body."""
    finish = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    last = _object("chat.completion.chunk") | {"choices": [finish], "usage": None}
    usage = _object("chat.completion.chunk") | {"choices": [], "usage": _USAGE}
    return _framed(_event(last) + _event(usage) + b"data: [DONE]\n\n") + b"0\r\n\r\n"


def _object(kind: str) -> dict[str, object]:
    return {"id": "chatcmpl-Tollhouse0Bench0000000000000", "object": kind, "created": 1790000000, "model": MODEL}


def _event(chunk: dict[str, object]) -> bytes:
    return b"data: " + _encode(chunk) + b"\n\n"


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Provider(asyncio.Protocol):
    """One connection; a request at a time, as clients of models use it."""

    answer = whole_answer()
    head = stream_head()
    chunk = stream_chunk()
    tail = stream_tail()

    def __init__(self, chunks: int, delay_s: float) -> None:
        self._chunks = chunks
        self._delay_s = delay_s
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._received = self._received + data if self._received else data
        head_end = self._received.find(b"\r\n\r\n")
        if head_end < 0:
            return
        length = LENGTH.search(self._received, 0, head_end)
        if length is None:
            self._transport.write(_REFUSAL)
            self._transport.close()
        elif len(self._received) >= head_end + 4 + int(length[1]):
            streamed = _STREAM.search(self._received, head_end) is not None
            self._received = b""
            self._begin_stream() if streamed else self._transport.write(self.answer)

    def _begin_stream(self) -> None:
        self._transport.write(self.head)
        self._say(self._loop.time(), 0)

    def _say(self, begun_at: float, said: int) -> None:
        """Chunks are due by the clock, so that a late one does not make the rest late."""
        if said == self._chunks:
            self._transport.write(self.tail)
            return
        self._transport.write(self.chunk)
        due = begun_at + (said + 1) * self._delay_s
        self._timer = self._loop.call_at(due, self._say, begun_at, said + 1)


async def serve(port: int, chunks: int, delay_s: float) -> None:
    """Until SIGTERM."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    server = await loop.create_server(lambda: Provider(chunks, delay_s), "127.0.0.1", port, backlog=1024)
    await stopped.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--chunks", type=int, default=50)
    parser.add_argument("--delay-ms", type=float, default=20)
    told = parser.parse_args()
    uvloop.run(serve(told.port, told.chunks, told.delay_ms / 1000))


if __name__ == "__main__":
    main()
