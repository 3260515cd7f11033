"""So many of something a second, and no more: a bucket that fills up again by itself."""

from tollhouse.foundation.clock import Clock


class Allowance:
    """At most `per_s` at once, and as many a second in the long run. For one process."""

    def __init__(self, clock: Clock, per_s: int) -> None:
        self._clock = clock
        self._per_s = per_s
        self._left = float(per_s)
        self._filled_at = clock.monotonic()

    def take(self) -> bool:
        """One of them, if there is one."""
        now = self._clock.monotonic()
        self._left = min(self._left + (now - self._filled_at) * self._per_s, self._per_s)
        self._filled_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
