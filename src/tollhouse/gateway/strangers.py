"""Callers whose key nobody has, when there are many of them: their answers come late, so that they cost little.

A connection asks for the next thing only when it has its answer. A few wrong keys a second are answered at once, as a
typo should be; beyond that each waits, wherever it comes from, since behind a proxy all come from one address. Nobody
with a key waits for any of this, and no two strangers equally long: who came together would come back together, and
hold up the calls of those who have a key with every such wave.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final

from tollhouse.foundation.allowance import Allowance
from tollhouse.foundation.clock import Clock

PROMPT_PER_S: Final = 50
PROMPT_AT_ONCE: Final = 10
LATE_S: Final = 5.0
_SPREAD_S: Final = 2.5
MOST_WAITING: Final = 2_000


class Strangers:
    """Counts them, for one process."""

    def __init__(self, clock: Clock, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._prompt = Allowance(clock, PROMPT_PER_S, PROMPT_AT_ONCE)
        self._sleep = sleep
        self._waiting = 0

    async def wait(self) -> bool:
        """Before a stranger is answered. False: too many wait already; this one should not be kept at all."""
        if self._prompt.take():
            return True
        if self._waiting >= MOST_WAITING:
            return False
        self._waiting += 1
        try:
            await self._sleep(random.uniform(LATE_S - _SPREAD_S, LATE_S + _SPREAD_S))  # noqa: S311 - no secret
        finally:
            self._waiting -= 1
        return True
