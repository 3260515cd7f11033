"""Crash points do nothing unless ordered to, and then just what was ordered."""

import os
import signal

import pytest

from tollhouse.foundation.errors import StartupError
from tollhouse.ledger import crashpoints


def test_the_point_strikes_at_the_nth_passing(monkeypatch: pytest.MonkeyPatch) -> None:
    struck: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: struck.append(number) if pid == os.getpid() else None)
    point = crashpoints.crash_at("after_sync:2")
    point("after_sync")
    point("before_sync")
    assert struck == []
    point("after_sync")
    point("after_sync")
    assert struck == [signal.SIGKILL]
    crashpoints.crash_at("before_send:1:stop")("before_send")
    assert struck == [signal.SIGKILL, signal.SIGSTOP]
    crashpoints.none("before_send")


@pytest.mark.parametrize("order", ["", "nowhere:1", "after_sync", "after_sync:x", "after_sync:1:dance"])
def test_an_order_that_makes_no_sense_stops_the_start(order: str) -> None:
    with pytest.raises(StartupError, match="TOLLHOUSE_CRASH_POINT"):
        crashpoints.crash_at(order)
