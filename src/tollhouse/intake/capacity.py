"""How much may be on its way at once, and how fast one source may send: asked before a body is read.

Both are of one process. A source may send in bursts: it owes what it sent too much, and waits until it is paid off.
"""

import contextlib
import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final

from tollhouse.foundation.clock import Clock
from tollhouse.intake import refusals

REMEMBERED_SOURCES: Final = 10_000
BURST_S: Final = 2.0
LONGEST_RETRY_S: Final = 60


class Room:
    """Bytes of requests that are being worked on."""

    def __init__(self, most_bytes: int, waiting: Callable[[], bool]) -> None:
        self._most = most_bytes
        self._is_waiting = waiting
        self.taken = 0

    @contextlib.contextmanager
    def load(self, first_bytes: int) -> Iterator["Load"]:
        """Room for one request; raises Unavailable when there is none, or when those before it still wait."""
        if self._is_waiting():
            raise refusals.busy()
        load = Load(self)
        try:
            load.grow_to(first_bytes)
            yield load
        finally:
            self.taken -= load.bytes

    def take(self, count: int) -> None:
        if count > 0 and self.taken + count > self._most:
            raise refusals.busy()
        self.taken += count


class Load:
    """What one request takes; it grows as its size shows."""

    __slots__ = ("_room", "bytes")

    def __init__(self, room: Room) -> None:
        self._room = room
        self.bytes = 0

    def grow_to(self, count: int) -> None:
        """Raises Unavailable when there is no room for that much."""
        more = max(count - self.bytes, 0)
        self._room.take(more)
        self.bytes += more


class Pace:
    """Spans per second, by source."""

    def __init__(self, clock: Clock, spans_per_s: int) -> None:
        self._clock = clock
        self._per_s = spans_per_s
        self._most = spans_per_s * BURST_S
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, source: str) -> None:
        """Raises TooManyRequests while the source has used up what it may send."""
        left = self._of(source)
        if left <= 0:
            wait = math.ceil((1 - left) / self._per_s)
            raise refusals.too_fast(min(max(wait, 1), LONGEST_RETRY_S))

    def spend(self, source: str, spans: int) -> None:
        self._left[source] = (self._of(source) - spans, self._clock.monotonic())
        self._left.move_to_end(source)
        if len(self._left) > REMEMBERED_SOURCES:
            self._left.popitem(last=False)

    def _of(self, source: str) -> float:
        now = self._clock.monotonic()
        left, at = self._left.get(source, (self._most, now))
        return min(left + (now - at) * self._per_s, self._most)
