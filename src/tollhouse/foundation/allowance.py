"""So many of something a second, and no more: a bucket that fills up again by itself."""

from tollhouse.foundation.clock import Clock


class Allowance:
    """At most `at_once` at one moment (`per_s` if not told), and `per_s` a second in the long run. For one process."""

    def __init__(self, clock: Clock, per_s: int, at_once: int | None = None) -> None:
        self._clock = clock
        self._per_s = per_s
        self._most = float(per_s if at_once is None else at_once)
        self._left = self._most
        self._filled_at = clock.monotonic()

    def take(self) -> bool:
        """One of them, if there is one."""
        now = self._clock.monotonic()
        self._left = min(self._left + (now - self._filled_at) * self._per_s, self._most)
        self._filled_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
