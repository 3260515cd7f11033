"""How a customer's gateway is set up, and what a PUT leaves alone."""

import pytest

from tollhouse.cloudflare.gateway_settings import WANTED, creation, differs, merged

SHOWN = {
    "id": "tollhouse-c1",
    "created_at": "2026-01-01T00:00:00Z",
    "modified_at": "2026-01-01T00:00:00Z",
    "is_default": False,
    "account_tag": "0a1b",
    "internal_id": "x",
    "wholesale": True,
    "authentication": True,
    "collect_logs": False,
    "cache_ttl": 0,
    "cache_invalidate_on_update": False,
    "rate_limiting_interval": 0,
    "rate_limiting_limit": 0,
    "rate_limiting_technique": "fixed",
}


def test_a_new_gateway_is_closed_and_keeps_limits_and_caches_nothing() -> None:
    assert creation("tollhouse-c1") == {
        "id": "tollhouse-c1",
        "authentication": True,
        "collect_logs": False,
        "cache_ttl": 0,
        "cache_invalidate_on_update": False,
        "rate_limiting_interval": 0,
        "rate_limiting_limit": 0,
        "rate_limiting_technique": "fixed",
    }


def test_a_gateway_that_is_as_wanted_needs_no_update() -> None:
    assert not differs(SHOWN)
    assert not differs(SHOWN | {"cache_ttl": None, "rate_limiting_interval": None, "rate_limiting_technique": None})
    assert not differs(SHOWN | {"retry_max_attempts": None, "anything_new": 1})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("authentication", False),
        ("authentication", None),
        ("collect_logs", True),
        ("cache_ttl", 300),
        ("cache_invalidate_on_update", True),
        ("rate_limiting_interval", 60),
        ("rate_limiting_limit", 10),
        ("rate_limiting_technique", "sliding"),
        ("retry_max_attempts", 3),
        ("retry_delay", 100),
        ("retry_backoff", "linear"),
    ],
)
def test_each_setting_that_costs_money_or_keeps_data_is_put_right(name: str, value: object) -> None:
    assert differs(SHOWN | {name: value})
    assert merged(SHOWN | {name: value})[name] == WANTED[name]


def test_an_update_hands_back_what_others_set_up_and_nothing_that_cannot_be_written() -> None:
    others = {
        "spend_limits": {"enabled": True, "rules": []},
        "otel": [{"url": "https://collector.test", "headers": {}}],
        "zdr": True,
        "byok_only": True,
        "guardrails": None,
    }
    body = merged(SHOWN | others)
    assert {name: body[name] for name in others} == others
    assert body.keys() == WANTED.keys() | others.keys()


def test_classification_of_logs_goes_with_the_logs() -> None:
    assert merged(SHOWN | {"log_classification": True})["log_classification"] is False
    assert merged(SHOWN | {"log_classification": False})["log_classification"] is False
