"""Credentials where there is no shared secret, and which settings give one."""

import pytest

from making import ManualClock
from stage import settings_from
from tollhouse.foundation.errors import Unauthorized, Unavailable
from tollhouse.foundation.secrets import Secret, new_api_token, new_raw_key
from tollhouse.intake.senders import Senders


class Nobody:
    async def find(self, _raw: str) -> None:
        return None


async def _touch(_token_id: str) -> None:
    raise AssertionError


def senders(secret: str | None) -> Senders:
    nobody, given = Nobody(), None if secret is None else Secret(secret)
    return Senders(nobody, nobody, ManualClock(), secret=given, touch=_touch)


@pytest.mark.parametrize("authorization", [None, b"", b"Basic x", b"Bearer ", b"Bearer something"])
async def test_without_a_shared_secret_only_keys_and_tokens_are_taken(authorization: bytes | None) -> None:
    with pytest.raises(Unavailable) as refusal:
        await senders(None).sender(authorization)
    assert "TRACE_INGEST_SECRET" in refusal.value.message
    for raw in (new_raw_key(), new_api_token()):
        with pytest.raises(Unauthorized):
            await senders(None).sender(f"Bearer {raw}".encode())


async def test_the_shared_secret_may_be_any_text() -> None:
    for secret in ("\u00fcber geheim", "tht_like a token", "x"):
        assert (await senders(secret).sender(b"bearer  " + secret.encode())).customer_id is None
        with pytest.raises(Unauthorized):
            await senders(secret).sender(b"Bearer " + secret.encode() + b"x")


def test_the_older_name_of_the_secret_counts_where_the_newer_is_not_set() -> None:
    older = {"OPENROUTER_BROADCAST_SECRET": "old"}
    assert settings_from(older).ingest_secret() == Secret("old")
    assert settings_from(older | {"TRACE_INGEST_SECRET": "new"}).ingest_secret() == Secret("new")
    assert settings_from({}).ingest_secret() is None
