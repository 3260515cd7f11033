"""The verdict finds what it is there to find: each kind of wrong book breaks a promise, a right one breaks none."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from campaigns.books import Account, Booked, Truth, compare, fold, judge_accounts, judge_what_was_seen, truth_of
from campaigns.load import Answer, Order, Tally
from campaigns.result import Result
from campaigns.t03_last_cent import Round, false_refusals, longest_false_s
from tollhouse.emulator.book import CallRow
from tollhouse.emulator.state_file import CallBooked, Cleared, StateFile

TRUTH = Truth({"a": 10, "b": 20}, ())


def entry(cost: int, kind: str = "exact", *, entries: int = 1) -> Booked:
    return Booked([kind] * entries, cost, cost, ((1, 1),))


RIGHT = {"a": entry(10), "b": entry(20)}


def broken(booked: Mapping[str, Booked], truth: Truth = TRUTH) -> list[str]:
    result = Result("T0")
    compare(result, truth, booked)
    return result.broken


def test_a_right_book_breaks_nothing() -> None:
    assert broken(RIGHT) == []
    assert broken(RIGHT | {"b": entry(25, "in_doubt"), "c": entry(7, "in_doubt"), "d": entry(0)}) == []


@pytest.mark.parametrize(
    ("booked", "said"),
    [
        ({"a": entry(10)}, "without an entry"),
        (RIGHT | {"b": entry(20, entries=2)}, "more than one entry"),
        (RIGHT | {"b": entry(21)}, "differ"),
        (RIGHT | {"b": entry(19, "in_doubt")}, "differ"),
        (RIGHT | {"c": entry(5)}, "differ"),
    ],
)
def test_a_wrong_book_is_found(booked: Mapping[str, Booked], said: str) -> None:
    assert [said in promise for promise in broken(booked)] == [True]


def test_a_call_that_was_sent_twice_is_found() -> None:
    assert ["sent twice" in promise for promise in broken(RIGHT, Truth(TRUTH.cost, ("a",)))] == [True]


def test_a_provider_that_lies_excuses_differences_only() -> None:
    result = Result("T0")
    compare(result, TRUTH, {"a": entry(9)}, provider_lies=True)
    assert len(result.broken) == 1


def judged(**account: Any) -> list[str]:
    result = Result("T0")
    usual: dict[str, Any] = {"limit": 30, "spent": 30, "set_aside": 0, "doubt": 0, "scope_id": "k"}
    judge_accounts(result, TRUTH, RIGHT, {(1, 1): Account(**(usual | account))})
    return result.broken


def test_overspending_is_true_cost_above_the_limit_of_an_account_in_its_period() -> None:
    assert judged() == []
    assert judged(limit=None) == []
    assert ["overspent" in promise for promise in judged(limit=29)] == [True]


@pytest.mark.parametrize("account", [{"set_aside": 1}, {"doubt": 1}, {"spent": -1}])
def test_what_may_not_stay_is_found(account: dict[str, int]) -> None:
    assert len(judged(**account)) == 1


def test_an_adjustment_counts_with_its_call() -> None:
    row = {"call_id": "a", "kind": "in_doubt", "cost_nanos": 50, "reserved_nanos": 50, "budgets": [1], "periods": [2]}
    booked = fold([row, row | {"kind": "adjust", "cost_nanos": -40}])
    assert booked == {"a": Booked(["in_doubt"], 10, 50, ((1, 2),))}


def seen(in_doubt: str, *, finished: set[str], broke_off: int) -> list[str]:
    result = Result("T0")
    tally = Tally(finished=finished, broken=broke_off)
    judge_what_was_seen(result, tally, RIGHT | {in_doubt: entry(5, "in_doubt")})
    return result.broken


def test_who_saw_the_end_can_rely_on_the_entry() -> None:
    assert seen("c", finished={"a", "b"}, broke_off=1) == []
    assert ["are in doubt" in promise for promise in seen("c", finished={"c"}, broke_off=1)] == [True]
    assert ["no entry" in promise for promise in seen("c", finished={"x"}, broke_off=1)] == [True]
    assert ["broke off" in promise for promise in seen("c", finished=set(), broke_off=0)] == [True]


def test_the_truth_is_read_from_the_emulators_file(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state")
    for call_id, cost in (("a", 10), ("b", 20), ("a", 1)):
        row = CallRow("log", call_id, "gateway", "openai", "m", 200, billed=True, true_cost_nanos=cost)
        file.append(CallBooked(row, {}))
    file.append(Cleared(False))
    file.close()
    assert truth_of(tmp_path / "state") == Truth({"a": 11, "b": 20}, ("a",))


# The last cent: which refusals were false ------------------------------------------------------------------------


def answered(began: float, ended: float, status: int = 200) -> Answer:
    return Answer(began, ended, status=status, complete=True)


def refusals(*at: tuple[float, float], limit: int = 30) -> list[Answer]:
    """One call of cost 10 and bound 20 is under way from 1 to 3."""
    refused = [answered(began, ended, 402) for began, ended in at]
    return false_refusals(Round(limit, 10, 20, [answered(1, 3)], refused))


def test_a_refusal_is_false_if_there_was_room_from_its_begin_to_its_end() -> None:
    assert refusals((0.1, 0.2)) == [answered(0.1, 0.2, 402)]
    assert refusals((4, 5)) == [answered(4, 5, 402)]


def test_a_refusal_is_not_false_if_the_money_was_held_or_spent_at_any_moment_of_it() -> None:
    assert refusals((1.5, 2), (0.5, 1.5), (2, 4), (0, 9)) == []
    assert refusals((4, 5), limit=29) == []


def test_a_false_refusal_lasts_until_that_client_is_served() -> None:
    early, fair, service = answered(0.1, 0.2, 402), answered(1.5, 2, 402), answered(4, 5)
    asked = Round(30, 10, 20, [answered(1, 3), service], [early, fair])
    asked.false = false_refusals(asked)
    asked.in_the_end = [([fair], answered(9, 9)), ([early], service)]
    assert longest_false_s(asked) == pytest.approx(3.9)


def test_a_refusal_that_says_when_to_ask_again_is_none() -> None:
    waits = Round(30, 10, 20, [answered(1, 3)], [answered(4, 5, 429)])
    assert false_refusals(waits) == []


def test_a_tally_counts_what_broke_off_apart() -> None:
    tally = Tally()
    order = Order("key", b"")
    tally.add(order, Answer(0, 1, status=200, call_id="a", complete=True))
    tally.add(order, Answer(0, 2, status=402, code="budget_exhausted", complete=True))
    tally.add(order, Answer(0, 1, status=200, call_id="b"))
    tally.add(order, Answer(0, 1, code="ConnectionResetError"))
    tally.add(order, Answer(0, 1, code="ConnectionRefusedError"))
    assert (tally.calls, tally.broken, tally.finished, tally.slowest_refusal_s) == (5, 2, {"a"}, 2)
