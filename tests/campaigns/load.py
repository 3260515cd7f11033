"""Clients that ask much: plain HTTP/1.1 over kept connections, one call at a time each.

An `Order` is what to ask, an `Answer` what came of it. Clients take orders from one source until it is empty, so a
campaign decides what is asked, how fast and how long; what came is handed to it one by one.
"""

import asyncio
import json
import time
from array import array
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

import httptools

MODEL: Final = "gpt-4o-mini"
NO_ANSWER: Final = 0
_CONNECT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Order:
    """One call. `leave_after` bytes of the answer the client hangs up. `about`: whatever the campaign wants to know."""

    raw_key: str
    body: bytes
    leave_after: int | None = None
    about: object = None


@dataclass(slots=True)
class Answer:
    """`status` 0: none came. `complete`: it came to its end. Times are the loop's, but finer."""

    began: float
    ended: float = 0.0
    first_byte: float = 0.0
    status: int = NO_ANSWER
    call_id: str | None = None
    code: str | None = None
    body: bytes = b""
    complete: bool = False

    @property
    def seconds(self) -> float:
        return self.ended - self.began


def chat(content: str, max_tokens: int | None, *, stream: bool = False, model: str = MODEL, **more: object) -> bytes:
    """A body."""
    body: dict[str, object] = {"model": model, "messages": [{"role": "user", "content": content}], "stream": stream}
    if max_tokens is not None:
        body["max_tokens"] = max_tokens
    return json.dumps(body | more).encode()


class _Line(asyncio.Protocol):
    """A connection; serves one exchange after another."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._answer: Answer | None = None
        self._leave_after: int | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._done: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()

    @property
    def usable(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    async def exchange(self, request: bytes, answer: Answer, leave_after: int | None) -> None:
        """Fills in the answer; returns when it is complete or the line broke."""
        assert self.transport is not None
        self._answer, self._leave_after, self._parts, self._size = answer, leave_after, [], 0
        self._parser = httptools.HttpResponseParser(self)
        self._done = self._loop.create_future()
        self.transport.write(request)
        try:
            await self._done
        finally:
            self._answer, self._done = None, None
            answer.body = b"".join(self._parts)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is not registered as one

    def connection_lost(self, exc: Exception | None) -> None:
        self._finish()

    def data_received(self, data: bytes) -> None:
        if self._answer is None:
            return
        self._answer.first_byte = self._answer.first_byte or time.monotonic()
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._answer is not None and name.lower() == b"x-tollhouse-call-id":
            self._answer.call_id = value.decode()

    def on_headers_complete(self) -> None:
        if self._answer is not None:
            self._answer.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self._parts.append(body)
        self._size += len(body)
        if self._leave_after is not None and self._size >= self._leave_after:
            assert self.transport is not None
            self.transport.abort()
            self._finish()

    def on_message_complete(self) -> None:
        if self._answer is not None:
            self._answer.complete = True
        if self.transport is not None and not self._parser.should_keep_alive():
            self.transport.close()
        self._finish()

    def _finish(self) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result(None)


class Client:
    """Asks one node, over one connection that it opens again when it was lost."""

    def __init__(self, port: int, *, timeout_s: float = 60.0) -> None:
        self.port = port
        self._timeout_s = timeout_s
        self._line: _Line | None = None

    async def call(self, order: Order) -> Answer:
        answer = Answer(time.monotonic())
        try:
            async with asyncio.timeout(self._timeout_s):
                line = await self._connected()
                await line.exchange(_request(order), answer, order.leave_after)
        except TimeoutError:
            answer.code = "no answer in time"
            self.close()
        except OSError as error:
            answer.code = type(error).__name__
            self.close()
        answer.ended = time.monotonic()
        if answer.status >= 400:
            answer.code = _code(answer.body)
        return answer

    def close(self) -> None:
        if self._line is not None and self._line.transport is not None:
            self._line.transport.abort()
        self._line = None

    async def _connected(self) -> _Line:
        if self._line is not None and self._line.usable:
            return self._line
        opening = asyncio.get_running_loop().create_connection(_Line, "127.0.0.1", self.port)
        _, fresh = await asyncio.wait_for(opening, _CONNECT_S)
        self._line = fresh
        return fresh


def _request(order: Order) -> bytes:
    head = (
        "POST /v1/ai/chat/completions HTTP/1.1\r\nHost: tollhouse\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {order.raw_key}\r\nContent-Length: {len(order.body)}\r\n\r\n"
    )
    return head.encode() + order.body


def _code(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return "unreadable"


class Pace:
    """So many turns a second, evenly; who is late does not hurry afterwards."""

    def __init__(self, per_s: float) -> None:
        self._step_s = 1 / per_s
        self._next = 0.0

    async def turn(self) -> None:
        now = asyncio.get_running_loop().time()
        self._next = max(self._next + self._step_s, now)
        await asyncio.sleep(self._next - now)


@dataclass(slots=True)
class Tally:
    """What came of many calls, without keeping them. `broken`: they had begun, and their answer has no end."""

    statuses: Counter[int] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    seconds_of_200: "array[float]" = field(default_factory=lambda: array("d"))
    finished: set[str] = field(default_factory=set)
    broken: int = 0
    slowest_refusal_s: float = 0.0

    def add(self, _order: Order, answer: Answer) -> None:
        self.statuses[answer.status] += 1
        if answer.code is not None:
            self.codes[answer.code] += 1
        if not answer.complete:
            self.broken += answer.code != ConnectionRefusedError.__name__
        elif answer.status == 200:
            self.seconds_of_200.append(answer.seconds)
            if answer.call_id is not None:
                self.finished.add(answer.call_id)
        else:
            self.slowest_refusal_s = max(self.slowest_refusal_s, answer.seconds)

    @property
    def calls(self) -> int:
        return self.statuses.total()


def pooled(tallies: Iterable[Tally]) -> Tally:
    """What came of all their calls; a call that has its end in two of them counts once there."""
    whole = Tally()
    for tally in tallies:
        whole.statuses += tally.statuses
        whole.codes += tally.codes
        whole.seconds_of_200.extend(tally.seconds_of_200)
        whole.finished |= tally.finished
        whole.broken += tally.broken
        whole.slowest_refusal_s = max(whole.slowest_refusal_s, tally.slowest_refusal_s)
    return whole


def percentile_ms(seconds: Sequence[float], share: float) -> float:
    """Of no calls: 0."""
    if not seconds:
        return 0.0
    ordered = sorted(seconds)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000


async def drive(
    ports: Sequence[int],
    clients: int,
    orders: AsyncIterator[Order],
    sink: Callable[[Order, Answer], None],
    *,
    timeout_s: float = 60.0,
) -> None:
    """Until `orders` is empty and everything is answered. Clients are shared out over the ports."""

    async def one(client: Client) -> None:
        try:
            async for order in source:
                answer = await client.call(order)
                sink(order, answer)
                if answer.status == NO_ANSWER:
                    await asyncio.sleep(0.02)
        finally:
            client.close()

    source = _Shared(orders)
    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(one(Client(ports[number % len(ports)], timeout_s=timeout_s)))


class _Shared:
    """One iterator for many takers: an asynchronous generator does not stand two at once."""

    def __init__(self, orders: AsyncIterator[Order]) -> None:
        self._orders = orders
        self._alone = asyncio.Lock()

    def __aiter__(self) -> "_Shared":
        return self

    async def __anext__(self) -> Order:
        async with self._alone:
            return await anext(self._orders)
