"""What the road counts of a call: under few labels, none of which names anybody."""

from pathlib import Path

from gateway.test_conventions import COMPLETED, answered, passage
from tollhouse.foundation.money import Nanos
from tollhouse.gateway.counts import Counts
from tollhouse.gateway.passage import NOT_SENT, TIMED_OUT
from tollhouse.tallies.cells import Name, Tally, read_all


def _counted(folder: Path) -> dict[Name, int]:
    """What is not zero."""
    [reading] = read_all(folder)
    return {name: value for name, value in reading.counters.items() if value}


def test_a_call_is_counted_with_its_times_tokens_and_money(tmp_path: Path) -> None:
    Counts(Tally(tmp_path, 0)).call(passage(COMPLETED, stream=True, **answered()), Nanos(1), ended=4.0)
    assert _counted(tmp_path) == {
        ("calls", "openai", "completed", "exact"): 1,
        ("tokens", "input"): 30,
        ("tokens", "output"): 40,
        ("cost_nanos",): 1,
        ("overhead", "500000"): 1,
        ("overhead", "sum"): 500_000,
        ("first_byte", "true", "1000000"): 1,
        ("first_byte", "true", "sum"): 1_000_000,
        ("duration", "true", "5000000"): 1,
        ("duration", "true", "sum"): 3_000_000,
    }


def test_a_call_that_was_not_sent_or_not_answered_has_no_such_times(tmp_path: Path) -> None:
    counts = Counts(Tally(tmp_path, 0))
    counts.call(passage(NOT_SENT), Nanos(0), ended=1.0)
    counts.call(passage(TIMED_OUT, sent_at=1.0), Nanos(1), ended=1.0)
    seen = _counted(tmp_path)
    assert (seen["calls", "openai", "not_sent", "void"], seen["calls", "openai", "timeout", "in_doubt"]) == (1, 1)
    assert [name for name in seen if name[0] == "first_byte"] == []
    assert seen["overhead", "250"] == 1


def test_providers_of_customers_own_are_one_and_overruns_are_seen(tmp_path: Path) -> None:
    counts = Counts(Tally(tmp_path, 0))
    for name in ("custom-acme", "custom-other"):
        counts.call(passage(COMPLETED, provider=name), Nanos(2), ended=1.0)
    seen = _counted(tmp_path)
    assert seen["calls", "other", "completed", "exact"] == 2
    assert seen["overruns",] == 2
