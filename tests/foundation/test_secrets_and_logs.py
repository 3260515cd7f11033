"""Nothing that opens a door can be printed by accident."""

import io
import json
import logging

import pytest
import structlog

from tollhouse.foundation import logs, secrets
from tollhouse.foundation.secrets import Secret


def test_a_secret_does_not_show_itself() -> None:
    secret = Secret("hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == "hunter2"
    assert secret == Secret("hunter2")
    assert secret != Secret("other")
    assert secret != "hunter2"
    assert len({secret, Secret("hunter2")}) == 1


def test_raw_keys_have_the_form_that_is_looked_for() -> None:
    raw = secrets.new_raw_key()
    assert secrets.looks_like_key(raw)
    assert not secrets.looks_like_key(raw[:-1])
    assert len(secrets.sha256_hex(raw)) == 64
    assert secrets.display(raw) == f"{raw[:8]}...{raw[-4:]}"
    assert secrets.new_raw_key() != raw


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        (f"key {'aig_' + 'a' * 32} used", "key aig_aaaa*** used"),
        ("tht_0123456789abcdef", "tht_***"),
        ("ths_0123456789abcdef", "ths_***"),
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer ***"),
        ("sk-proj-abcdefgh12345", "sk-***"),
        ("Invalid API Key provided: sk_live_51Habc0123", "Invalid API Key provided: sk_live_***"),
        ("signed with whsec_MfKQ9r8GKYqr+Tw/Upyr=", "signed with whsec_***"),
        ("rk_test_51Habc0123 may not", "rk_test_*** may not"),
        ("nothing secret", "nothing secret"),
    ],
)
def test_credentials_are_blanked_out(text: str, safe: str) -> None:
    assert logs.redact(text) == safe


def test_a_webhook_secret_is_blanked_out_too() -> None:
    assert logs.redact(f"signed with {secrets.new_webhook_secret()}") == "signed with thw_***"


def test_no_logger_lets_a_key_through(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    logs.configure("json", "info")
    raw = secrets.new_raw_key()
    logs.get_logger("test").info("a call", key=raw, count=3)
    logging.getLogger("library").warning("refused %s", raw)
    structlog.reset_defaults()
    logging.basicConfig(force=True)
    said = stream.getvalue()
    assert raw not in said
    assert json.loads(said.splitlines()[0])["count"] == 3
    assert "library" in said


def test_the_console_format_works_too(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    logs.configure("console", "warning")
    logs.get_logger("test").info("not shown")
    logs.get_logger("test").warning("shown")
    structlog.reset_defaults()
    logging.basicConfig(force=True)
    assert "not shown" not in stream.getvalue()
    assert "shown" in stream.getvalue()
