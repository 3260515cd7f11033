"""Who has the processor first where processes share one: those that calls to models wait for.

A process whose work can wait steps back once, and gives way again and again. Niceness alone does not do it: on Linux a
niced process that is in the middle of its work keeps the processor until the scheduler's next tick, up to 4 ms later.
"""

import os
import threading
import time
from collections.abc import Callable
from typing import Final

_EVERY_S: Final = 50e-6
_give_way: Final[Callable[[], None]] = getattr(os, "sched_yield", lambda: None)
_monotonic: Final = time.perf_counter


class _Place:
    """This process's: whether it has stepped back, and when it last gave way."""

    behind = False
    gave_way_at = 0.0


def step_back(niceness: int) -> None:
    """From now on this process lets others go first; for good, as niceness is."""
    os.nice(niceness)
    _Place.behind = True


def give_way() -> None:
    """Offer the processor, if this process has stepped back; cheap enough to be said after every small step."""
    if _Place.behind and _monotonic() - _Place.gave_way_at > _EVERY_S:
        _give_way()
        _Place.gave_way_at = _monotonic()


def step_back_thread(niceness: int) -> None:
    """Only the thread that says so: woken up, it lets the one that woke it go on. Where threads have no niceness of
    their own, and where that is not allowed, nothing changes."""
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
    except OSError:
        return
