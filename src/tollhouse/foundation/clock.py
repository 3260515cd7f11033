"""Time is handed in, so that tests can move it. Wall time is always UTC and aware."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the rooms may ask about time."""

    def now(self) -> datetime:
        """The wall clock, aware, UTC."""
        ...

    def now_ns(self) -> int:
        """Nanoseconds since the epoch, for spans."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards, for timeouts and durations."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def now_ns(self) -> int:
        return time.time_ns()

    def monotonic(self) -> float:
        return time.monotonic()
