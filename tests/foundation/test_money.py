"""Money is exact: what cannot be kept exactly is refused, never rounded away."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollhouse.foundation.errors import BadRequest
from tollhouse.foundation.money import (
    MAX_KEY_BUDGET_USD,
    MAX_LIMIT_USD,
    exact_usd_string,
    nanos_to_usd,
    round_up_to_nanos,
    usd_string,
    usd_to_nanos,
)


@pytest.mark.parametrize(
    ("usd", "nanos"),
    [("0", 0), ("0.000000001", 1), ("1", 10**9), ("999999.9999", 999_999_999_900_000), ("1E+3", 10**12)],
)
def test_dollars_become_nanos_exactly(usd: str, nanos: int) -> None:
    assert usd_to_nanos(Decimal(usd)) == nanos


@pytest.mark.parametrize("usd", ["-1", "NaN", "sNaN", "Infinity", "-Infinity", "0.0000000001"])
def test_what_is_no_amount_is_refused(usd: str) -> None:
    with pytest.raises(BadRequest):
        usd_to_nanos(Decimal(usd))


@given(st.integers(0, 10**18))
def test_nanos_come_back_as_they_went(nanos: int) -> None:
    assert usd_to_nanos(nanos_to_usd(nanos)) == nanos
    assert usd_to_nanos(Decimal(exact_usd_string(nanos))) == nanos


@pytest.mark.parametrize(
    ("nanos", "four", "nine"),
    [
        (10_000_000, "0.0100", "0.010000000"),
        (50_000, "0.0001", "0.000050000"),
        (49_999, "0.0000", "0.000049999"),
        (-1_500_000_000, "-1.5000", "-1.500000000"),
    ],
)
def test_strings_for_people(nanos: int, four: str, nine: str) -> None:
    assert (usd_string(nanos), exact_usd_string(nanos)) == (four, nine)


@pytest.mark.parametrize(("picos", "nanos"), [(0, 0), (1, 1), (1_000, 1), (1_001, 2)])
def test_a_call_is_rounded_up_once(picos: int, nanos: int) -> None:
    assert round_up_to_nanos(picos) == nanos


def test_the_largest_limit_leaves_room_for_sums() -> None:
    """Limit, raise and what is committed beyond them are added up in a bigint."""
    assert 1000 * usd_to_nanos(MAX_LIMIT_USD) < 2**63


def test_the_largest_key_budget_fits_its_column() -> None:
    assert usd_string(usd_to_nanos(MAX_KEY_BUDGET_USD)) == "999999.9999"
