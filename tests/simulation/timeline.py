"""Virtual time: what happens when, decided by a seed and by nothing else; and a memory of what happened last."""

import heapq
import random
from collections import deque
from collections.abc import Callable
from typing import Any

from simulation.shown import brief

REMEMBERED = 40


class Violation(Exception):
    """A promise of the ledger was broken."""


class Timeline:
    """Events in the order of their time; those of one moment in the order in which they were planned."""

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self.rng = random.Random(seed)
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._planned = 0
        self._remembered: deque[tuple[float, str, str, tuple[object, ...]]] = deque(maxlen=REMEMBERED)

    def at(self, delay_s: float, deed: Callable[..., None], *args: Any) -> None:
        self._planned += 1
        heapq.heappush(self._heap, (self.now + delay_s, self._planned, deed, args))

    def run(self, until: float) -> None:
        heap = self._heap
        while heap and heap[0][0] <= until:
            self.now, _, deed, args = heapq.heappop(heap)
            deed(*args)
        self.now = until

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def between(self, least: float, most: float) -> float:
        return least + (most - least) * self.rng.random()

    def note(self, who: str, what: str, *more: object) -> None:
        """Kept as it is and only printed when somebody wants to know."""
        self._remembered.append((self.now, who, what, more))

    def told(self) -> str:
        """The last events, a line each."""
        return "\n".join(
            f"{when:9.4f}  {who:<10} {what} {' '.join(brief(one) for one in more)}"
            for when, who, what, more in self._remembered
        )
