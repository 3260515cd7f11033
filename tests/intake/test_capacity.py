"""What is on its way is bounded, and no source is faster than it may be."""

import pytest

from making import ManualClock
from tollhouse.foundation.errors import TooManyRequests, Unavailable
from tollhouse.intake import capacity
from tollhouse.intake.capacity import Pace, Room


def test_room_is_given_back_however_a_request_ends() -> None:
    room = Room(100, lambda: False)
    with room.load(60) as load:
        load.grow_to(80)
        load.grow_to(70)
        assert room.taken == 80
        with pytest.raises(Unavailable) as busy, room.load(30):
            raise AssertionError
        assert busy.value.retry_after_s == 1
        assert room.taken == 80
    with pytest.raises(Unavailable), room.load(10) as load:
        load.grow_to(101)
    with pytest.raises(KeyError), room.load(10):
        raise KeyError
    assert room.taken == 0


def test_while_rows_wait_nothing_more_is_read() -> None:
    with pytest.raises(Unavailable), Room(100, lambda: True).load(1):
        raise AssertionError


def test_a_source_that_sent_too_much_waits_until_it_is_paid_off() -> None:
    clock = ManualClock()
    pace = Pace(clock, 100)
    pace.check("a")
    pace.spend("a", 550)
    with pytest.raises(TooManyRequests) as slow:
        pace.check("a")
    assert slow.value.retry_after_s == 4
    pace.check("b")
    clock.advance(3.4)
    with pytest.raises(TooManyRequests):
        pace.check("a")
    clock.advance(0.2)
    pace.check("a")
    clock.advance(1_000)
    pace.spend("a", 199)
    pace.check("a")


def test_sources_are_remembered_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "REMEMBERED_SOURCES", 2)
    pace = Pace(ManualClock(), 1)
    for source in "abc":
        pace.spend(source, 100)
    pace.check("a")
    assert len(pace._left) == 2
