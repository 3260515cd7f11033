"""Named places between the steps of the protocol, where a test can end or freeze the process.

In production every point is a call of a function that does nothing.
"""

import os
import signal
from collections.abc import Callable
from typing import Final

from tollhouse.foundation.errors import StartupError

CrashPoint = Callable[[str], None]

POINTS: Final = (
    "before_reserve_record",
    "after_reserve_record",
    "before_send",
    "after_send",
    "before_settle_record",
    "after_settle_record",
    "after_return_record",
    "before_grant",
    "after_grant",
    "before_sync",
    "after_sync",
    "after_flush",
    "after_outbox",
    "during_recovery",
    "before_close",
)
_SIGNALS: Final = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


def none(_point: str) -> None:
    """Production: nothing happens."""


def crash_at(order: str) -> CrashPoint:
    """`name:n` or `name:n:stop`: at the n-th passing of the point, kill (or freeze) this process."""
    name, _, rest = order.partition(":")
    count, _, how = rest.partition(":")
    if name not in POINTS or not count.isdigit() or (how or "kill") not in _SIGNALS:
        raise StartupError(f"TOLLHOUSE_CRASH_POINT is not usable: write `name:n` or `name:n:stop`, names: {POINTS}")
    left = int(count)

    def point(passed: str) -> None:
        nonlocal left
        if passed == name:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), _SIGNALS[how or "kill"])

    return point
