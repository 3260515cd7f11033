"""All leases of one worker: money is set aside on every budget or on none, and what nobody needs goes back."""

import pytest

from ledger.wishes import BOOK_TIME, standing, wish
from tollhouse.foundation.money import Nanos
from tollhouse.ledger.leases import Lease
from tollhouse.ledger.protocol import Need, Standing
from tollhouse.ledger.purse import Purse, Terms, Wish
from tollhouse.ledger.records import Amount, Part, Reserved

NOBODY: set[int] = set()


def purse(*standings: Standing, now: float = 0.0) -> Purse:
    made = Purse(Terms())
    for one in standings:
        made.told(one, now)
    return made


def held(made: Purse, one: Wish, now: float = 0.0) -> Reserved:
    reserved = made.reserve(one, one.amount, now, BOOK_TIME + now)
    assert reserved is not None
    return reserved


def lease(made: Purse, budget_id: int = 1) -> Lease:
    found = made.current(budget_id)
    assert found is not None
    return found


def need(budget_id: int, amount: int, floor: int) -> Need:
    return Need(budget_id, Nanos(amount), Nanos(floor))


def given(made: Purse, now: float, busy: set[int] = NOBODY) -> list[Amount]:
    return list(made.idle(now, busy))


# Setting aside ------------------------------------------------------------------------------------------------------


def test_money_is_set_aside_on_every_budget_in_one_step() -> None:
    made = purse(standing(1, 50), standing(2, 40, period=7))
    reserved = held(made, wish("a", 40, 1, 2), now=2.5)
    assert reserved.parts == (Part(1, 1, True), Part(2, 7, True))
    assert (reserved.amount, reserved.note) == (40, b"note")
    assert reserved.opened_us == int((BOOK_TIME + 2.5) * 1_000_000)
    assert (lease(made, 1).free, lease(made, 2).free) == (10, 0)


@pytest.mark.parametrize(
    "second",
    [standing(2, 39), standing(2, 100, resets_at=0.0), standing(2, 100, looks_again_at=0.0)],
    ids=["short", "over", "other terms"],
)
def test_or_on_none_if_one_budget_cannot(second: Standing) -> None:
    made = purse(standing(1, 50), second)
    assert made.reserve(wish("a", 40, 1, 2), Nanos(40), 0.0, BOOK_TIME) is None
    assert lease(made, 1).free == 50


def test_an_unknown_budget_holds_nothing() -> None:
    assert purse().reserve(wish("a", 0), Nanos(0), 0.0, BOOK_TIME) is None
    assert purse().available(wish("a", 10), BOOK_TIME) == 0


def test_a_budget_without_a_limit_counts_and_holds_nothing() -> None:
    made = purse(standing(1, 50), standing(2, limit=None))
    reserved = held(made, wish("a", 40, 1, 2))
    assert reserved.parts == (Part(1, 1, True), Part(2, 1, False))
    assert lease(made, 2).reserved == 0
    assert not made.resolve(reserved, "exact", Nanos(40), 0.0)
    assert lease(made, 2).settled == 0


def test_a_call_without_a_price_passes_only_where_nothing_is_limited() -> None:
    assert purse(standing(1, 50)).reserve(wish("a", None), None, 0.0, BOOK_TIME) is None
    assert held(purse(standing(1, limit=None)), wish("a", None)).amount == 0


def test_available_is_the_least_of_all_limited_budgets_and_at_most_the_wish() -> None:
    made = purse(standing(1, 50), standing(2, 30), standing(3, limit=None))
    assert made.available(wish("a", 40, 1, 2, 3), BOOK_TIME) == 30
    assert made.available(wish("a", 20, 1, 2, 3), BOOK_TIME) == 20
    assert made.available(wish("a", None, 3), BOOK_TIME) == 0


# What became of it --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "cost", "settled"), [("exact", 25, 25), ("in_doubt", 40, 40), ("exact", 70, 40), ("void", 0, 0)]
)
def test_what_was_set_aside_becomes_spending_and_free_money(kind: str, cost: int, settled: int) -> None:
    """Of an overrun, the lease pays what was reserved."""
    made = purse(standing(1, 50))
    made.resolve(held(made, wish("a", 40)), kind, Nanos(cost), 0.0)  # type: ignore[arg-type]
    assert (lease(made).settled, lease(made).reserved, lease(made).free) == (settled, 0, 50 - settled)


def test_an_outcome_counts_in_the_period_of_its_reservation() -> None:
    made = purse(standing(1, 50))
    reserved = held(made, wish("a", 40))
    old = lease(made)
    made.told(standing(1, 60, period=2), 1.0)
    assert made.resolve(reserved, "exact", Nanos(10), 1.0), "the rest of an old period goes back at once"
    assert (old.settled, lease(made).settled, lease(made).free) == (10, 0, 60)
    assert given(made, 1.0) == [(1, 1, 40)]


def test_near_the_limit_the_change_goes_back_at_once() -> None:
    made = purse(standing(1, 40, tight=True))
    assert made.resolve(held(made, wish("a", 40)), "exact", Nanos(10), 0.0)
    assert made.owes(0.0, NOBODY)
    assert given(made, 0.0) == [(1, 1, 30)]
    assert not made.owes(0.0, NOBODY)


def test_far_from_the_limit_the_change_stays() -> None:
    made = purse(standing(1, 40))
    assert not made.resolve(held(made, wish("a", 40)), "exact", Nanos(10), 0.0)
    assert not made.owes(0.0, NOBODY)
    assert given(made, 0.0) == []


# Asking for more ----------------------------------------------------------------------------------------------------


def test_a_wish_lacks_what_is_not_free_and_the_floor_less() -> None:
    made = purse(standing(1, 15), standing(2, 100))
    assert made.lacking(wish("a", 40, 1, 2, 3, floor=10), {}, BOOK_TIME) == (need(1, 25, 0), need(3, 40, 10))


def test_earlier_wishes_of_an_order_take_the_free_money_first() -> None:
    made, spare = purse(standing(1, 50)), dict[int, int]()
    assert made.lacking(wish("a", 40), spare, BOOK_TIME) == ()
    assert made.lacking(wish("b", 40), spare, BOOK_TIME) == (need(1, 30, 30),)
    assert made.lacking(wish("c", 40), spare, BOOK_TIME) == (need(1, 40, 40),)


def test_a_budget_without_a_limit_lacks_nothing_unless_the_call_has_no_price() -> None:
    made = purse(standing(1, limit=None))
    assert made.lacking(wish("a", 40), {}, BOOK_TIME) == ()
    assert made.lacking(wish("a", None), {}, BOOK_TIME) == (need(1, 0, 0),)


def test_after_a_change_of_terms_the_book_is_asked_but_our_money_is_still_ours() -> None:
    made = purse(standing(1, 30))
    made.changed(1, 0.0)
    assert made.lacking(wish("a", 40), {}, BOOK_TIME) == (need(1, 10, 10),)
    assert made.lacking(wish("a", 20), {}, BOOK_TIME) == (need(1, 0, 0),)


def test_money_of_a_period_that_is_over_is_not_ours() -> None:
    made = purse(standing(1, 30, resets_at=5.0))
    assert made.lacking(wish("a", 20), {}, BOOK_TIME + 5.0) == (need(1, 20, 20),)


def test_a_half_empty_lease_is_filled_before_somebody_has_to_wait() -> None:
    made = purse(standing(1, 400, limit=100_000))
    held(made, wish("a", 40))
    assert made.take_low() == {}
    for name in "bcdefgh":
        held(made, wish(name, 40))
    assert made.take_low() == {1: 40}
    assert made.take_low() == {}, "said once"


@pytest.mark.parametrize("why", ["tight", "wanted"])
def test_but_not_if_others_need_the_money(why: str) -> None:
    made = purse(standing(1, 50, limit=100_000, tight=why == "tight"))
    if why == "wanted":
        made.wanted(1, 0.0)
    held(made, wish("a", 40))
    assert made.take_low() == {}


def test_whether_a_budget_still_has_no_limit_is_asked_every_two_seconds() -> None:
    made = purse(standing(1, limit=None))
    held(made, wish("a", 40), now=2.0)
    assert made.take_low() == {}
    held(made, wish("b", 40), now=2.1)
    assert made.take_low() == {1: 40}


def test_the_lease_to_want_knows_the_lease_there_is() -> None:
    made = purse(standing(1, 50, limit=1000))
    assert (made.want(1, 40), made.want(2, 40)) == (20, 160)


def test_the_budget_that_cannot_hold_a_wish_is_known_for_a_second() -> None:
    made = purse(standing(1, 50), standing(2, limit=100, spent=90, resets_at=5.0))
    assert made.hopeless(wish("a", 40, 1, 2, floor=10), 0.0, BOOK_TIME) is None
    assert made.hopeless(wish("a", 40, 1, 2, 3, floor=11), 0.0, BOOK_TIME) == 2
    assert made.hopeless(wish("a", 40, 1, 2, floor=11), 0.0, BOOK_TIME + 5.0) is None, "a new period"


def test_people_see_as_held_only_what_calls_hold() -> None:
    made = purse(standing(1, 50, leased=80, tight=True))
    held(made, wish("a", 10))
    assert made.seen(1).leased == 40
    assert given(made, 0.0) == [(1, 1, 40)]
    assert made.seen(1).leased == 40, "on its way back is not held"
    made.heard()
    assert made.seen(1).leased == 80, "the book has it; what it said is older"


# Giving back --------------------------------------------------------------------------------------------------------


def test_money_that_others_want_goes_back_for_two_seconds() -> None:
    made = purse(standing(1, 50))
    made.wanted(1, 0.0)
    assert made.owes(1.9, NOBODY)
    assert given(made, 1.9) == [(1, 1, 50)]
    made.told(standing(1, 80), 2.0)
    assert given(made, 2.0) == []


def test_what_calls_hold_goes_back_when_they_end() -> None:
    made = purse(standing(1, 50))
    reserved = held(made, wish("a", 40))
    made.wanted(1, 0.0)
    assert given(made, 0.1) == [(1, 1, 10)]
    assert not made.owes(0.1, NOBODY)
    assert made.resolve(reserved, "void", Nanos(0), 0.2)
    assert given(made, 0.2) == [(1, 1, 40)]


def test_while_calls_hold_wanted_money_new_money_goes_back_too() -> None:
    made = purse(standing(1, 50))
    held(made, wish("a", 40))
    made.wanted(1, 0.0)
    assert given(made, 0.1) == [(1, 1, 10)]
    made.told(standing(1, 70), 0.2)
    assert given(made, 0.2) == [(1, 1, 20)]


def test_a_budget_that_waiting_calls_need_gives_nothing_back() -> None:
    made = purse(standing(1, 50), standing(2, 60))
    made.wanted(1, 0.0)
    made.wanted(2, 0.0)
    assert given(made, 0.0, busy={1}) == [(2, 1, 60)]
    assert not made.owes(0.0, {1})
    assert given(made, 0.0) == [(1, 1, 50)], "it is not forgotten"


def test_a_period_that_is_over_gives_back_what_it_has_even_if_calls_wait() -> None:
    made = purse(standing(1, 50))
    made.told(standing(1, 20, period=2), 1.0)
    assert given(made, 1.0, busy={1}) == [(1, 1, 50)]
    assert lease(made).account == (1, 2)


def test_a_late_word_about_an_old_period_changes_nothing_but_that_period() -> None:
    made = purse(standing(1, 50, period=2))
    made.told(standing(1, 30, period=1), 1.0)
    assert lease(made).account == (1, 2)
    assert given(made, 1.0) == [(1, 1, 30)]


def test_a_lease_that_nobody_used_for_five_seconds_goes_back_and_is_asked_about_again() -> None:
    made = purse(standing(1, 50))
    made.told(standing(2, 60), 3.0)
    assert given(made, 4.9) == []
    assert given(made, 5.0) == [(1, 1, 50)]
    assert made.reserve(wish("a", 0), Nanos(0), 5.0, BOOK_TIME + 5.0) is None
    assert given(made, 8.0) == [(2, 1, 60)]
    assert given(made, 20.0) == []


def test_use_keeps_a_lease() -> None:
    made = purse(standing(1, 50))
    made.resolve(held(made, wish("a", 10), now=4.0), "exact", Nanos(10), 4.0)
    assert given(made, 8.9) == []
    assert given(made, 9.0) == [(1, 1, 40)]


def test_changed_terms_bring_the_money_back_and_a_first_limit_is_asked_about() -> None:
    made = purse(standing(1, 50), standing(2, limit=None))
    made.changed(1, 0.0)
    made.wanted(2, 0.0)
    assert not lease(made, 1).open_at(BOOK_TIME)
    assert not lease(made, 2).open_at(BOOK_TIME)
    assert given(made, 0.0) == [(1, 1, 50)]


def test_unknown_budgets_may_be_wanted_and_changed() -> None:
    made = purse()
    made.wanted(1, 0.0)
    made.changed(1, 0.0)
    assert not made.owes(0.0, NOBODY)


# Telling ------------------------------------------------------------------------------------------------------------


def test_what_was_granted_can_be_said_again_of_all_accounts_or_of_some() -> None:
    made = purse(standing(1, 50), standing(2, limit=None), standing(1, 20, period=2))
    assert made.granted() == (Amount(1, 1, Nanos(50)), Amount(1, 2, Nanos(20)))
    assert made.granted([(1, 2), (9, 1), (2, 1)]) == (Amount(1, 2, Nanos(20)),)


def test_rates_are_taken_once_a_second_of_leases_in_use() -> None:
    made = purse(standing(1, 500))
    made.told(standing(2, 500), 10.0)
    made.resolve(held(made, wish("a", 100, 2), now=10.0), "exact", Nanos(100), 10.0)
    lease(made, 1).settled = 100
    made.measure(10.9)
    assert (lease(made, 1).rate, lease(made, 2).rate) == (0.0, 0.0), "the one not in use, the other too early"
    made.measure(11.0)
    assert lease(made, 1).rate == 0.0
    assert lease(made, 2).rate == pytest.approx(30.0)


def test_all_leases_in_use_are_measured() -> None:
    made = purse(standing(1, 500), standing(2, 500))
    for budget_id in (1, 2):
        made.resolve(held(made, wish("a", 100, budget_id), now=1.0), "exact", Nanos(100), 1.0)
    made.measure(1.5)
    assert [lease(made, budget_id).measured_at for budget_id in (1, 2)] == [1.5, 1.5]
