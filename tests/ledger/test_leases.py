"""One worker's lease on one account: plain arithmetic."""

import pytest

from ledger.wishes import BOOK_TIME, standing
from tollhouse.foundation.money import Nanos
from tollhouse.ledger.leases import Lease, suitable
from tollhouse.ledger.records import Amount

MOST = 5_000


def lease(granted: int = 0, **more: int) -> Lease:
    made = Lease(standing(), told_at=0.0, used_at=0.0, measured_at=0.0, granted=granted)
    for name, value in more.items():
        setattr(made, name, value)
    return made


def test_free_is_what_is_neither_settled_nor_returned_nor_held_by_calls() -> None:
    assert lease(100, settled=20, returned=30, reserved=40).free == 10


def test_an_old_word_that_arrives_late_takes_nothing_away() -> None:
    one = lease(100)
    one.told(standing(granted=60), 1.0)
    assert one.granted == 100
    one.told(standing(granted=160), 2.0)
    assert (one.granted, one.told_at) == (160, 2.0)


def test_a_word_of_the_book_makes_old_terms_new() -> None:
    one = lease()
    one.stale = True
    assert not one.open_at(BOOK_TIME)
    one.told(standing(), 1.0)
    assert one.open_at(BOOK_TIME)


def test_calls_count_until_the_limit_may_change_and_the_money_is_ours_until_the_period_ends() -> None:
    one = lease()
    one.told(standing(resets_at=60.0, looks_again_at=10.0), 0.0)
    assert one.open_at(BOOK_TIME + 9.9)
    assert not one.open_at(BOOK_TIME + 10.0)
    assert one.is_in_period(BOOK_TIME + 59.9)
    assert not one.is_in_period(BOOK_TIME + 60.0)


def test_what_is_given_back_is_on_its_way_until_the_book_has_it() -> None:
    one = lease(100)
    assert one.give_back(30) == Amount(1, 1, Nanos(30))
    assert (one.free, one.returned, one.returning) == (70, 30, 30)


def test_hopeless_is_what_nobody_can_give_back_any_more() -> None:
    one = lease()
    one.told(standing(limit=100, spent=50, doubt=20), 0.0)
    assert not one.hopeless(30, 0.5, 1.0)
    assert one.hopeless(31, 0.5, 1.0)
    assert not one.hopeless(31, 1.0, 1.0), "believed for a second only"
    one.stale = True
    assert not one.hopeless(31, 0.5, 1.0)


def test_nothing_is_hopeless_without_a_limit() -> None:
    one = lease()
    one.told(standing(limit=None), 0.0)
    assert not one.limited
    assert not one.hopeless(10**18, 0.0, 1.0)


def test_the_rate_of_spending_is_smoothed() -> None:
    one = lease(1000, settled=100)
    one.measure(2.0)
    assert one.rate == pytest.approx(15.0)
    one.measure(4.0)
    assert one.rate == pytest.approx(10.5)


def test_a_first_lease_is_for_four_calls() -> None:
    assert suitable(None, 100, ahead_s=10.0, most=MOST) == 400
    assert suitable(None, 2_000, ahead_s=10.0, most=MOST) == MOST


def test_what_was_spent_since_the_last_measurement_is_a_rate_too() -> None:
    one = lease(1000, settled=100)
    one.told(standing(limit=100_000), 0.0)
    assert suitable(one, 10, ahead_s=10.0, most=MOST) == 1000 + 40
    one.measure(one.measured_at + 10.0)
    assert suitable(one, 10, ahead_s=10.0, most=MOST) == 30 + 40


def test_a_lease_suits_the_rate_and_the_calls_in_flight_but_is_a_fiftieth_of_the_limit_at_most() -> None:
    one = lease(reserved=7)
    one.rate = 3.5
    one.told(standing(limit=100_000), 0.0)
    assert suitable(one, 10, ahead_s=10.0, most=MOST) == 35 + 14 + 40
    one.told(standing(limit=1_000), 0.0)
    assert suitable(one, 10, ahead_s=10.0, most=MOST) == 20
    one.told(standing(limit=None), 0.0)
    assert suitable(one, 10, ahead_s=10.0, most=50) == 50
