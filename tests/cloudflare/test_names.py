"""Ids at Cloudflare: always of its pattern, one per customer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollhouse.cloudflare.names import gateway_id_for, is_account_id, is_gateway_id


def test_a_customer_with_a_uuid_gets_its_id_behind_the_prefix() -> None:
    customer = "0b6c7a52-5d1c-4a3e-9d7e-1f2a3b4c5d6e"
    assert gateway_id_for(customer) == f"tollhouse-{customer}"
    assert gateway_id_for(customer, "acme-") == f"acme-{customer}"


@given(st.text(max_size=100))
def test_any_customer_id_becomes_a_valid_gateway_id_always_the_same(customer: str) -> None:
    assert is_gateway_id(gateway_id_for(customer))
    assert gateway_id_for(customer) == gateway_id_for(customer)


@given(st.lists(st.text(alphabet="aAbB01-_. é", max_size=70), unique=True, max_size=20))
def test_two_customers_never_share_a_gateway(customers: list[str]) -> None:
    assert len({gateway_id_for(customer) for customer in customers}) == len(customers)


@pytest.mark.parametrize("prefix", ["Tollhouse-", "-", "a--", "a/", "x" * 64])
def test_a_prefix_that_fits_no_id_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="no gateway id"):
        gateway_id_for("c1", prefix)


@pytest.mark.parametrize("text", ["a", "a-b", "a_b", "_", "0-1", "a" * 64])
def test_these_are_gateway_ids(text: str) -> None:
    assert is_gateway_id(text)


@pytest.mark.parametrize(
    "text", ["", "A", "a--b", "-a", "a-", "a b", "a/b", "..", "a.b", "a\n", "a%2fb", "a?b", "a" * 65]
)
def test_these_are_not_gateway_ids(text: str) -> None:
    assert not is_gateway_id(text)


@pytest.mark.parametrize(
    ("text", "valid"),
    [("0123456789abcdef0123456789abcdef", True), ("demo-account", True), ("", False), ("a/b", False), ("a\n", False)],
)
def test_account_ids_hold_nothing_that_changes_a_path(text: str, valid: bool) -> None:
    assert is_account_id(text) is valid
