"""Limits of calls: sliding minutes, shared by workers, and nothing that a death could leave counted for ever."""

import fcntl
import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollhouse.access import rates
from tollhouse.access.permits import UNLIMITED, CallLimits
from tollhouse.access.rates import Minute, Rates, Slow, Turn, judge

S = 1_000_000_000
MINUTE = 60 * S


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "rates"


@pytest.fixture
def counts(path: Path) -> Iterator[Rates]:
    opened = Rates(path, 0)
    yield opened
    opened.close()


def admitted(counts: Rates, limits: CallLimits, at_ns: int = 0, key_id: str = "k") -> Turn:
    turn = counts.admit(key_id, limits, at_ns)
    assert isinstance(turn, Turn)
    return turn


def refused(counts: Rates, limits: CallLimits, at_ns: int = 0, key_id: str = "k") -> Slow:
    slow = counts.admit(key_id, limits, at_ns)
    assert isinstance(slow, Slow)
    return slow


def test_a_key_without_limits_is_not_counted(counts: Rates) -> None:
    assert counts.admit("k", UNLIMITED, 0) is None


def test_so_many_calls_fit_into_sixty_seconds_also_across_the_end_of_a_minute(counts: Rates) -> None:
    limits = CallLimits(requests_per_minute=3)
    for at_s in (50, 51, 59):
        admitted(counts, limits, at_s * S)
    assert refused(counts, limits, 59 * S) == Slow("requests", 3, 22)
    assert refused(counts, limits, 61 * S).what == "requests"
    admitted(counts, limits, 81 * S)
    assert refused(counts, limits, 82 * S).what == "requests"
    for _ in range(3):
        admitted(counts, limits, 300 * S)


def test_tokens_count_when_a_call_ends(counts: Rates) -> None:
    limits = CallLimits(tokens_per_minute=100)
    first, second = admitted(counts, limits), admitted(counts, limits)
    first.tokens, second.tokens = 60, 60
    counts.finish(first, 0)
    third = admitted(counts, limits)
    counts.finish(second, 0)
    counts.finish(third, 0)
    assert refused(counts, limits).what == "tokens"
    admitted(counts, limits, 2 * MINUTE)


def test_calls_at_once_are_bounded_and_free_again(counts: Rates) -> None:
    limits = CallLimits(concurrent_calls=2)
    first, second = admitted(counts, limits), admitted(counts, limits)
    assert refused(counts, limits) == Slow("concurrent calls", 2, 1)
    counts.finish(first, 0)
    third = admitted(counts, limits)
    for turn in (second, third, third):
        counts.finish(turn, 0)
    admitted(counts, limits)
    admitted(counts, limits, key_id="another")


def test_workers_of_a_machine_count_together_and_a_successor_forgets_what_its_predecessor_had_open(path: Path) -> None:
    limits = CallLimits(requests_per_minute=100, concurrent_calls=2)
    first, second = Rates(path, 0), Rates(path, 1)
    admitted(first, limits)
    admitted(second, limits)
    assert refused(first, limits).what == refused(second, limits).what == "concurrent calls"
    second.close()
    again = Rates(path, 1)
    turn = admitted(again, limits)
    assert refused(again, limits).what == "concurrent calls"
    first.finish(turn, 0)
    first.close()
    again.close()


def _call_often(path: Path, column: int, times: int, passed: "multiprocessing.Queue[int]") -> None:
    """However busy the machine is: here nobody goes on without the lock."""
    rates._LOCK_WAIT_S = 60.0  # type: ignore[misc]
    counts = Rates(path, column)
    turns = (counts.admit("k", CallLimits(requests_per_minute=500), 0) for _ in range(times))
    passed.put(sum(isinstance(turn, Turn) for turn in turns))


def test_processes_that_hurry_share_one_limit(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    passed: multiprocessing.Queue[int] = context.Queue()
    workers = [context.Process(target=_call_often, args=(path, column, 400, passed)) for column in range(2)]
    for worker in workers:
        worker.start()
    total = sum(passed.get(timeout=60) for _ in workers)
    for worker in workers:
        worker.join()
    assert total == 500


def test_many_keys_have_places_and_those_in_use_keep_theirs(counts: Rates, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "_BUCKETS", 1)
    limits = CallLimits(requests_per_minute=1, concurrent_calls=1)
    held = admitted(counts, limits, key_id="held")
    for number in range(40):
        turn = admitted(counts, CallLimits(requests_per_minute=1), 10 * MINUTE, key_id=f"key {number}")
        counts.finish(turn, 10 * MINUTE)
    assert refused(counts, limits, 10 * MINUTE, key_id="held").what == "concurrent calls"
    counts.finish(held, 10 * MINUTE)


def test_a_lock_that_another_process_keeps_stops_nobody(counts: Rates, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(_file: object, how: int, *_place: int) -> None:
        if how != fcntl.LOCK_UN:
            raise BlockingIOError

    monkeypatch.setattr(fcntl, "lockf", busy)
    admitted(counts, CallLimits(requests_per_minute=1))


minutes = st.builds(Minute, st.just(5), *[st.integers(0, 500)] * 4)


@given(minute=minutes, limit=st.integers(1, 400), into=st.floats(0, 0.999))
def test_who_waits_as_long_as_told_is_let_through_and_not_much_earlier(minute: Minute, limit: int, into: float) -> None:
    for limits in (CallLimits(requests_per_minute=limit), CallLimits(tokens_per_minute=limit)):
        slow = judge(limits, minute, 0, into)
        if slow is None:
            continue
        later = 5 + into + slow.retry_after_s / 60 + 1e-9
        assert judge(limits, minute.at(int(later)), 0, later % 1) is None
        if slow.retry_after_s > 1:
            sooner = 5 + into + (slow.retry_after_s - 1.01) / 60
            assert judge(limits, minute.at(int(sooner)), 0, sooner % 1) is not None
