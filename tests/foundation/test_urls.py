"""Secrets go over TLS, or stay on this machine."""

import pytest

from tollhouse.foundation.urls import keeps_secrets


@pytest.mark.parametrize(
    "url",
    ["https://id.example", "https://id.example:8443/x", "http://localhost:1", "http://127.1.2.3", "http://[::1]/"],
)
def test_may_carry_a_secret(url: str) -> None:
    assert keeps_secrets(url)


@pytest.mark.parametrize(
    "url",
    [
        "", "https://", "id.example", "ftp://localhost", "http://id.example", "http://localhost.example",
        "http://10.0.0.1", "http://[::", "https://[x",
    ],
)  # fmt: skip
def test_may_not(url: str) -> None:
    assert not keeps_secrets(url)
