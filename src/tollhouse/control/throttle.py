"""How often somebody may try in a while. In memory and per process: it slows guessing, it does not count money."""

import math
from collections import OrderedDict
from typing import Final

from tollhouse.foundation.clock import Clock
from tollhouse.foundation.errors import TooManyRequests

_REMEMBERED: Final = 10_000

Who = tuple[str, ...]


class Throttle:
    """`most` tries per `window_s` for each `who`. The memory is bounded; the oldest is forgotten first."""

    def __init__(self, clock: Clock, *, most: int, window_s: float) -> None:
        self._clock = clock
        self._most = most
        self._window_s = window_s
        self._tries: OrderedDict[Who, tuple[float, int]] = OrderedDict()

    def admit(self, who: Who) -> None:
        """Count one try; raises TooManyRequests, with the seconds to wait, when there were too many."""
        now = self._clock.monotonic()
        since, tries = self._tries.get(who, (now, 0))
        if now - since >= self._window_s:
            since, tries = now, 0
        if tries >= self._most:
            wait_s = max(1, math.ceil(since + self._window_s - now))
            raise TooManyRequests(f"too many tries; wait {wait_s} seconds", retry_after_s=wait_s)
        self._remember(who, since, tries + 1)

    def forget(self, who: Who) -> None:
        """A try succeeded: start afresh."""
        self._tries.pop(who, None)

    def _remember(self, who: Who, since: float, tries: int) -> None:
        self._tries[who] = (since, tries)
        self._tries.move_to_end(who)
        if len(self._tries) > _REMEMBERED:
            self._tries.popitem(last=False)
