"""The processor, and whose turn it is on it."""

import os
from collections.abc import Callable
from typing import Final

give_way: Final[Callable[[], None]] = getattr(os, "sched_yield", lambda: None)
"""Whoever waits for this processor may have it now. Work that is niced is not interrupted for a call to a model, not
before the scheduler's next tick; so it has to offer, every fraction of a millisecond."""
