"""An attempt to sign in stays with the browser that began it, and comes back as it was or not at all."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from tollhouse.control.people import attempts
from tollhouse.control.people.attempts import Seal
from tollhouse.foundation.errors import BadRequest
from tollhouse.foundation.secrets import Secret

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SEAL = Seal(Secret("client secret"))


def test_an_attempt_comes_back_as_it_was_and_fits_a_cookie() -> None:
    attempt = attempts.new_attempt("/" + "x" * 999, NOW)
    assert SEAL.open(SEAL.close(attempt), NOW) == attempt
    assert len(SEAL.close(attempt)) < 3000
    assert len({attempt.state, attempt.nonce, attempt.verifier}) == 3
    assert 43 <= len(attempt.verifier) <= 128  # RFC 7636, section 4.1


def test_it_ends_after_ten_minutes() -> None:
    sealed = SEAL.close(attempts.new_attempt("/", NOW))
    SEAL.open(sealed, NOW + timedelta(seconds=599))
    with pytest.raises(BadRequest, match="longer than 10 minutes"):
        SEAL.open(sealed, NOW + timedelta(seconds=600))


def test_nothing_else_is_opened() -> None:
    sealed = SEAL.close(attempts.new_attempt("/", NOW))
    body, _, mark = sealed.partition(".")
    other = base64.urlsafe_b64encode(base64.urlsafe_b64decode(body).replace(b'"/"', b'"/x"')).decode()
    foreign = Seal(Secret("another secret")).close(attempts.new_attempt("/", NOW))
    for damaged in ("", ".", body, f".{mark}", f"{other}.{mark}", f"{body}.{mark[:-1]}", f"{body}.é", foreign):
        with pytest.raises(BadRequest, match="start again"):
            SEAL.open(damaged, NOW)


@pytest.mark.parametrize("path", ["/", "/keys", "/keys?team=a&x=%2F#part", "/a//b", "/~x"])
def test_a_path_on_our_own_origin_is_one(path: str) -> None:
    assert attempts.is_own_path(path)


@pytest.mark.parametrize(
    "path",
    [
        "", "keys", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example",
        "/\n/evil.example", "https://evil.example", "javascript:alert(1)", " /", "/ü", "/" + "x" * 1000, "/a\\b",
    ],
)  # fmt: skip
def test_what_may_lead_elsewhere_is_not(path: str) -> None:
    assert not attempts.is_own_path(path)
