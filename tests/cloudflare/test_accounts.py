"""The pool of accounts, and the file that names them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tollhouse.cloudflare.accounts import Account, read_pool
from tollhouse.foundation.errors import StartupError
from tollhouse.foundation.secrets import Secret


def written(folder: Path, content: Any) -> Path:
    path = folder / "accounts.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_an_account_holds_twenty_gateways_and_shows_no_token() -> None:
    made = Account("one", Secret("manage-me"), Secret("run-me"))
    assert made.capacity == 20
    assert "manage-me" not in repr(made)
    assert "run-me" not in repr(made)


def test_an_id_that_could_change_a_path_is_refused() -> None:
    with pytest.raises(ValueError, match="account id"):
        Account("../admin", Secret("manage"), Secret("run"))


def test_a_file_names_accounts_in_its_order(tmp_path: Path) -> None:
    entries = [{"id": "two", "token": "both"}, {"id": "one", "management_token": "m", "run_token": "r", "capacity": 3}]
    two, one = read_pool(written(tmp_path, entries), 7)
    assert (two.id, two.management_token.reveal(), two.run_token.reveal(), two.capacity) == ("two", "both", "both", 7)
    assert (one.id, one.management_token.reveal(), one.run_token.reveal(), one.capacity) == ("one", "m", "r", 3)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "not usable"),
        ({"id": "one"}, "Expected `array`"),
        ([{"token": "t"}], "missing required field `id`"),
        ([{"id": "one"}], "'one' needs a `token`"),
        ([{"id": "one", "run_token": "r"}], "'one' needs a `token`"),
        ([{"id": "one", "token": "t", "tokn": "t"}], "unknown field `tokn`"),
        ([{"id": "one", "token": "two words"}], "not usable"),
        ([{"id": "one", "token": "t", "capacity": 0}], ">= 1"),
        ([{"id": "../admin", "token": "t"}], "not a Cloudflare account id"),
        ("[" * 100_000, "not usable"),
    ],
)
def test_a_file_that_is_not_understood_stops_the_start(tmp_path: Path, content: Any, says: str) -> None:
    with pytest.raises(StartupError, match=says):
        read_pool(written(tmp_path, content), 20)


def test_a_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="cannot be read"):
        read_pool(tmp_path / "nowhere.json", 20)
