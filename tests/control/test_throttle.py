"""The throttle, by a clock that the test moves."""

import pytest

from making import ManualClock
from tollhouse.control import throttle as throttles
from tollhouse.control.throttle import Throttle
from tollhouse.foundation.errors import TooManyRequests

ANN, BOB = ("10.0.0.1", "ann@example.com"), ("10.0.0.1", "bob@example.com")


@pytest.fixture
def throttle(clock: ManualClock) -> Throttle:
    return Throttle(clock, most=3, window_s=60)


def _use_up(throttle: Throttle) -> None:
    for _ in range(3):
        throttle.admit(ANN)


def test_the_fourth_try_is_told_when_to_come_back(throttle: Throttle, clock: ManualClock) -> None:
    _use_up(throttle)
    clock.advance(20.5)
    with pytest.raises(TooManyRequests) as refused:
        throttle.admit(ANN)
    assert refused.value.retry_after_s == 40


def test_a_refused_try_does_not_lengthen_the_wait(throttle: Throttle, clock: ManualClock) -> None:
    _use_up(throttle)
    clock.advance(59)
    with pytest.raises(TooManyRequests):
        throttle.admit(ANN)
    clock.advance(1)
    throttle.admit(ANN)


def test_others_are_not_slowed(throttle: Throttle) -> None:
    _use_up(throttle)
    throttle.admit(BOB)


def test_a_success_starts_afresh(throttle: Throttle) -> None:
    _use_up(throttle)
    throttle.forget(ANN)
    throttle.forget(BOB)  # never tried: nothing to forget
    throttle.admit(ANN)


def test_the_memory_is_bounded(throttle: Throttle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttles, "_REMEMBERED", 2)
    _use_up(throttle)
    throttle.admit(BOB)
    throttle.admit(("10.0.0.2", "eve@example.com"))
    throttle.admit(ANN)  # was forgotten: the oldest of three
