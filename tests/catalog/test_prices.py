"""A price has cliffs: the tier whose threshold the input exceeds holds for every token of the call."""

from decimal import Decimal

import pytest

from tollhouse.catalog.prices import Price, Rates, dearest_of, picos_per_token
from tollhouse.foundation.money import PicosPerToken


def rates(above: int, *picos: int) -> Rates:
    return Rates(above, *map(PicosPerToken, picos))


BASE = rates(0, 10, 1, 12, 50, 60)
LONG = rates(1000, 20, 2, 9, 75, 40)
HUGE = rates(5000, 15, 3, 30, 70, 90)
TIERED = Price((BASE, LONG, HUGE))


@pytest.mark.parametrize(
    ("input_tokens", "tier"),
    [(0, BASE), (1, BASE), (1000, BASE), (1001, LONG), (5000, LONG), (5001, HUGE), (10**9, HUGE)],
)
def test_a_tier_begins_one_token_above_its_threshold(input_tokens: int, tier: Rates) -> None:
    assert TIERED.rates_for(input_tokens) is tier


def test_one_tier_holds_for_any_input() -> None:
    flat = Price((BASE,))
    assert flat.rates_for(0) is flat.rates_for(10**9) is flat.dearest(10**9) is BASE


@pytest.mark.parametrize(
    ("up_to", "dearest"),
    [
        (0, rates(0, 10, 1, 12, 50, 60)),
        (1000, rates(0, 10, 1, 12, 50, 60)),
        (1001, rates(0, 20, 2, 12, 75, 60)),
        (5001, rates(0, 20, 3, 30, 75, 90)),
    ],
)
def test_dearest_takes_each_class_from_whichever_reachable_tier_asks_most(up_to: int, dearest: Rates) -> None:
    """A tier for long inputs may be cheaper in one class, and a short call still meets the base tier."""
    assert TIERED.dearest(up_to) == dearest


def test_the_dearest_of_several_is_named_for_its_own_threshold() -> None:
    assert dearest_of(7, [BASE, LONG]) == rates(7, 20, 2, 12, 75, 60)


@pytest.mark.parametrize(
    ("usd", "picos"),
    [("2.5", 2_500_000), ("0.000001", 1), ("0", 0), ("0.0833333333333333", 83_334), ("0.0000001", 1)],
)
def test_dollars_per_million_tokens_are_micro_dollars_rounded_up(usd: str, picos: int) -> None:
    assert picos_per_token(Decimal(usd)) == picos
