"""Step 6: pass the answer on, and learn from it what the call cost.

The caller sees the end only after the call is in the book. A caller who leaves changes nothing about the money:
the answer is read to its end without anybody listening, within limits. What is read but not understood, or
breaks off, is in doubt.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

import msgspec

from tollhouse.cloudflare.errors import UpstreamFault, translate
from tollhouse.cloudflare.routes import log_id
from tollhouse.cloudflare.upstream import UpstreamError, UpstreamResponse
from tollhouse.foundation.asgi import Headers
from tollhouse.foundation.clock import Clock
from tollhouse.foundation.errors import TollhouseError
from tollhouse.foundation.money import exact_usd_string
from tollhouse.foundation.tokens import usage_from_counts
from tollhouse.gateway import refusals
from tollhouse.gateway.caller import Caller
from tollhouse.gateway.meter import MeterOverflow, Piece, Reading, StreamMeter, read_answer, visible_bytes_of
from tollhouse.gateway.passage import ABANDONED, BROKEN, Ending, Passage
from tollhouse.gateway.records import cost_of, unbilled

MAX_ANSWER_BYTES: Final = 64 << 20
_VISIBLE_BYTES_PER_TOKEN: Final = 3
_END_WITHIN_S: Final = 1.0
_JSON: Final = b"application/json"
_PASSED_HEADERS: Final = frozenset({b"retry-after", b"x-request-id"})

Settle = Callable[[Passage], None]


class Drains:
    """How many answers are read to their end for callers who left, and for how long each."""

    def __init__(self, *, most: int, seconds: float, clock: Clock) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._running = 0

    def begin(self) -> float | None:
        """The moment (monotonic) until which to read on; None when too many do so already."""
        if self._running >= self._most:
            return None
        self._running += 1
        return self._clock.monotonic() + self._seconds

    def end(self) -> None:
        self._running -= 1


class Relay:
    """Passes answers on. Shared by all calls; keeps nothing of any of them."""

    def __init__(self, drains: Drains, clock: Clock) -> None:
        self._drains = drains
        self._clock = clock

    async def relay(self, response: UpstreamResponse, passage: Passage, caller: Caller, on_close: Settle) -> None:
        """To the caller; `on_close` books the passage before the caller can see that the answer is over."""
        passage.upstream_status = response.status
        passage.cf_log_id = log_id(response.headers)
        passage.first_byte_at = self._clock.monotonic()
        if response.status == 200 and _content_type(response).startswith(b"text/event-stream"):
            await self._stream(response, passage, caller, on_close)
        else:
            await self._whole(response, passage, caller, on_close)

    async def _whole(self, response: UpstreamResponse, passage: Passage, caller: Caller, on_close: Settle) -> None:
        try:
            body = _without_key(await response.read(MAX_ANSWER_BYTES), response.status, passage)
        except UpstreamError as cut:
            passage.ending, passage.error_type = BROKEN, cut.code
            raise
        passage.reading = read_answer(body)
        fault = _fault(response, body, passage)
        passage.ending = _ending_of_fault(fault) if fault else _ending_of_whole(passage, response.status, body)
        if fault is not None:
            passage.error_type = fault.error.code
            raise fault.error
        passage.error_type = None if response.status < 400 else str(response.status)
        on_close(passage)
        if passage.chat.stream and response.status == 200 and passage.reading.finished:
            events = _as_stream(body, with_usage=passage.chat.wants_usage)
            await caller.answer(200, b"text/event-stream", events, _passed(response, passage))
        else:
            await caller.answer(response.status, _content_type(response) or _JSON, body, _passed(response, passage))

    async def _stream(self, response: UpstreamResponse, passage: Passage, caller: Caller, on_close: Settle) -> None:
        meter = StreamMeter(strip_usage=not passage.chat.wants_usage)
        passage.reading = meter.reading
        caller.watch()
        await caller.start(
            200,
            b"text/event-stream; charset=utf-8",
            [(b"cache-control", b"no-cache"), *_passed(response, passage)],
        )
        broken, withheld = await self._pump(response, meter, caller)
        passage.ending = _ending_of_stream(passage, meter, broken)
        passage.error_type = _stream_error(broken, meter.reading)
        on_close(passage)
        await caller.finish(b"".join(withheld) + (refusals.as_event(broken) if broken else b""))
        await _let_end(response)

    async def _pump(
        self, response: UpstreamResponse, meter: StreamMeter, caller: Caller
    ) -> tuple[TollhouseError | None, list[bytes]]:
        """Pass pieces on until the stream ends. Returns what broke it, and the last bytes, not yet passed on."""
        withheld: list[bytes] = []
        try:
            async for pieces in self._pieces(response, meter, caller):
                for piece in pieces:
                    await _pass_on(piece, withheld, caller)
        except UpstreamError as cut:
            return cut, withheld
        except MeterOverflow:
            return refusals.upstream_broken(), withheld
        except _DrainedLongEnough:
            return refusals.abandoned(), withheld
        if not meter.reading.finished and not meter.reading.error and meter.reading.usage is None:
            # A clean close without `[DONE]`, finish or usage is a cut that HTTP could not see.
            return (None if meter.reading.finish_reasons else refusals.upstream_broken()), withheld
        return None, withheld

    async def _pieces(
        self, response: UpstreamResponse, meter: StreamMeter, caller: Caller
    ) -> AsyncIterator[list[Piece]]:
        until: float | None = None
        try:
            while True:
                if caller.gone and until is None:
                    until = self._drains.begin()
                    if until is None:
                        raise _DrainedLongEnough
                data = await self._next(response, until)
                if data is None:
                    yield meter.end()
                    return
                yield meter.feed(data)
                if meter.reading.finished:
                    return
        finally:
            if until is not None:
                self._drains.end()

    async def _next(self, response: UpstreamResponse, until: float | None) -> bytes | None:
        if until is None:
            return await response.next_chunk()
        try:
            async with asyncio.timeout(until - self._clock.monotonic()):
                return await response.next_chunk()
        except TimeoutError as cause:
            raise _DrainedLongEnough from cause


async def _let_end(response: UpstreamResponse) -> None:
    """Take the end of a finished answer off the wire, so that its connection can be used again."""
    try:
        async with asyncio.timeout(_END_WITHIN_S):
            while await response.next_chunk() is not None:
                pass
    except (TimeoutError, UpstreamError):
        return


class _DrainedLongEnough(Exception):
    """The caller left and the answer did not end in time."""


async def _pass_on(piece: Piece, withheld: list[bytes], caller: Caller) -> None:
    """Last pieces wait for the booking; if the stream goes on after all, they were not the last."""
    if piece.last:
        withheld.append(piece.data)
        return
    if withheld:
        await caller.write(b"".join(withheld))
        withheld.clear()
    await caller.write(piece.data)


def _fault(response: UpstreamResponse, body: bytes, passage: Passage) -> UpstreamFault | None:
    """Cloudflare's own errors, in any of their shapes and with any status; None for a provider's answer."""
    if response.status < 400 and passage.reading.finished:
        return None
    return translate(
        response.status,
        response.headers,
        body,
        passage.destination.provider,
        customers_key=passage.provider_key is not None,
    )


def _without_key(body: bytes, status: int, passage: Passage) -> bytes:
    """A provider that refuses a key may repeat it, and whoever calls need not know their organisation's."""
    if status < 400 or passage.provider_key is None:
        return body
    return body.replace(passage.provider_key.reveal().encode(), b"***")


def _ending_of_fault(fault: UpstreamFault) -> Ending:
    if fault.sent_to_provider == "no":
        return Ending("exact", "refused_upstream")
    return Ending("in_doubt", "failed_upstream")


def _ending_of_whole(passage: Passage, status: int, body: bytes) -> Ending:
    if status >= 400:
        known = unbilled(passage.destination.provider, status)
        return Ending("exact", "refused_upstream") if known else Ending("in_doubt", "failed_upstream")
    reading = passage.reading
    if reading.usage is not None:
        return Ending("exact", "completed", reading.usage, "provider")
    if reading.finished:
        return _estimated(passage, visible_bytes_of(body))
    return Ending("in_doubt", "failed_upstream")


def _ending_of_stream(passage: Passage, meter: StreamMeter, broken: TollhouseError | None) -> Ending:
    reading = meter.reading
    if reading.usage is not None and (broken is None or reading.usage_final):
        return Ending("exact", "failed_upstream" if reading.error else "completed", reading.usage, "provider")
    if broken is not None:
        return ABANDONED if broken.code == "abandoned" else BROKEN
    if reading.error:
        return Ending("in_doubt", "failed_upstream")
    return _estimated(passage, meter.visible_bytes())


def _estimated(passage: Passage, visible_bytes: int) -> Ending:
    """A complete answer without usage: the bound for its input, its bytes for its output.

    Hidden reasoning cannot be seen from outside, so models that reason stay in doubt: charged in full.
    """
    if passage.estimate.reasons:
        return Ending("in_doubt", "completed")
    output = -(-visible_bytes // _VISIBLE_BYTES_PER_TOKEN) + 1
    most = passage.estimate.output_tokens * passage.estimate.choices
    usage = usage_from_counts(input=passage.estimate.input_tokens, output=min(output, most))
    return Ending("estimated", "completed", usage, "estimated")


def _stream_error(broken: TollhouseError | None, reading: Reading) -> str | None:
    if broken is not None:
        return broken.code
    return "provider_error_event" if reading.error else None


def _as_stream(body: bytes, *, with_usage: bool) -> bytes:
    """A whole answer to a call that asked for a stream (a guardrail buffered it), in a stream's shape."""
    answer = msgspec.json.decode(body)
    usage = answer.pop("usage", None)
    choices = [_as_delta(choice) for choice in answer["choices"] if isinstance(choice, dict)]
    events = [answer | {"object": "chat.completion.chunk", "choices": choices}]
    if with_usage and usage is not None:
        events.append(answer | {"object": "chat.completion.chunk", "choices": [], "usage": usage})
    return b"".join(b"data: " + msgspec.json.encode(event) + b"\n\n" for event in events) + b"data: [DONE]\n\n"


def _as_delta(choice: dict[str, object]) -> dict[str, object]:
    return {("delta" if name == "message" else name): value for name, value in choice.items()}


def _content_type(response: UpstreamResponse) -> bytes:
    return next((value for name, value in response.headers if name == b"content-type"), b"")


def _passed(response: UpstreamResponse, passage: Passage) -> Headers:
    headers = [(name, value) for name, value in response.headers if name in _PASSED_HEADERS]
    if passage.estimate.clamped:
        headers.append((b"x-budget-clamped-max-tokens", str(passage.estimate.output_tokens).encode()))
    if passage.booked:
        headers.append((b"x-tollhouse-cost-usd", exact_usd_string(cost_of(passage)).encode()))
    return headers
