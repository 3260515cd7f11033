"""Settings that cannot be meant stop the start with one line that says what to do."""

from typing import Any

import pytest

from tollhouse import settings
from tollhouse.foundation.errors import StartupError
from tollhouse.opening.control import open_control, single_sign_on_of
from tollhouse.settings import Settings

SIGN_ON = {"oidc_issuer": "https://id.example/", "oidc_client_id": "tollhouse", "oidc_client_secret": "secret"}


def _settings(**fields: Any) -> Settings:
    return Settings(**fields)


def test_single_sign_on_is_there_when_all_of_it_is_set() -> None:
    made = single_sign_on_of(_settings(**SIGN_ON))
    assert made is not None
    assert (made.issuer, made.client_id, made.name) == ("https://id.example", "tollhouse", "Single sign-on")
    assert single_sign_on_of(_settings(oidc_name="Acme")) is None


async def test_the_control_plane_is_told_of_it(embedded_url: str) -> None:
    whole = _settings(**SIGN_ON)
    async with open_control(whole, embedded_url) as context:
        assert context.single_sign_on == single_sign_on_of(whole)


@pytest.mark.parametrize("missing", SIGN_ON)
def test_a_part_of_single_sign_on_is_not_enough(missing: str) -> None:
    with pytest.raises(StartupError, match="needs TOLLHOUSE_OIDC_ISSUER") as refusal:
        single_sign_on_of(_settings(**{name: value for name, value in SIGN_ON.items() if name != missing}))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("issuer", "why"),
    [
        ("http://id.example", "must begin with https://"),
        ("http://10.0.0.1:8080", "must begin with https://"),
        ("https://id.example/?tenant=x", "must have no"),
        ("https://id.example/#x", "must have no"),
        ("id.example", "not usable"),
    ],
)
def test_an_issuer_must_keep_secrets(monkeypatch: pytest.MonkeyPatch, issuer: str, why: str) -> None:
    monkeypatch.setenv("TOLLHOUSE_OIDC_ISSUER", issuer)
    with pytest.raises(StartupError, match=why) as refusal:
        settings.load()
    assert str(refusal.value).startswith("TOLLHOUSE_OIDC_ISSUER is not usable: ")


def test_an_issuer_on_this_machine_may_do_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOLLHOUSE_OIDC_ISSUER", "http://127.0.0.1:9000/realms/acme")
    assert str(settings.load().oidc_issuer) == "http://127.0.0.1:9000/realms/acme"
