"""The pool of accounts: which has room."""

import pytest

from tollhouse.cloudflare.accounts import Account, account_with_room
from tollhouse.foundation.secrets import Secret


def account(name: str, capacity: int = 20) -> Account:
    return Account(name, Secret("manage"), Secret("run"), capacity)


def test_the_account_with_the_most_room_is_chosen() -> None:
    accounts = [account("one", 20), account("two", 10), account("three", 20)]
    assert account_with_room(accounts, {"one": 19, "two": 4, "three": 16}) is accounts[1]


def test_full_accounts_and_no_accounts_have_no_room() -> None:
    assert account_with_room([account("one", 2)], {"one": 2}) is None
    assert account_with_room([account("one", 2)], {"one": 3}) is None
    assert account_with_room([], {}) is None


def test_an_account_holds_twenty_gateways_and_shows_no_token() -> None:
    made = Account("one", Secret("manage-me"), Secret("run-me"))
    assert made.capacity == 20
    assert "manage-me" not in repr(made)
    assert "run-me" not in repr(made)


def test_an_id_that_could_change_a_path_is_refused() -> None:
    with pytest.raises(ValueError, match="account id"):
        account("../admin")
