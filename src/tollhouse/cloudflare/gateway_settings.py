"""How a customer's gateway must be set up, and how to get there from how it is. Pure.

Cloudflare's own limits, cache, retries and logs are off: the ledger is the limit, a cached answer would be
another tenant's, a retry is paid twice, and prompts are nobody's to keep.
"""

from collections.abc import Mapping
from typing import Final

Json = Mapping[str, object]
"""A JSON object of Cloudflare's, kept as it came so that a PUT can hand back what is not ours."""

WANTED: Final[Json] = {
    "authentication": True,
    "collect_logs": False,
    "cache_ttl": 0,
    "cache_invalidate_on_update": False,
    "rate_limiting_interval": 0,
    "rate_limiting_limit": 0,
    "rate_limiting_technique": "fixed",
    "retry_max_attempts": None,
    "retry_delay": None,
    "retry_backoff": None,
}

_WRITABLE: Final = frozenset(WANTED) | {
    "byok_only",
    "log_management",
    "log_management_strategy",
    "logpush",
    "logpush_public_key",
    "store_id",
    "workers_ai_billing_mode",
    "zdr",
    "log_classification",
    "dlp",
    "guardrails",
    "otel",
    "spend_limits",
    "stripe",
}
_ZERO_OR_NULL: Final = frozenset({"cache_ttl", "rate_limiting_interval", "rate_limiting_limit"})
"""Null is stored, or read back, as zero."""
_UNSET_IS_FINE: Final = frozenset({"rate_limiting_technique"})


def creation(gateway_id: str) -> dict[str, object]:
    """The body of a POST: the flat fields only, since it is not certain that POST takes the others."""
    return {"id": gateway_id} | {name: value for name, value in WANTED.items() if value is not None}


def differs(current: Json) -> bool:
    """Whether an update is needed; a field that Cloudflare does not show counts as null."""
    return any(not _same(name, current.get(name), wanted) for name, wanted in WANTED.items())


def merged(current: Json) -> dict[str, object]:
    """The body of a PUT. PUT replaces everything, so what somebody else set up (exports, rules) is handed back."""
    kept = {name: value for name, value in current.items() if name in _WRITABLE}
    if kept.get("log_classification"):
        kept["log_classification"] = False  # it needs the logs that we switch off
    return kept | dict(WANTED)


def _same(name: str, current: object, wanted: object) -> bool:
    if name in _ZERO_OR_NULL:
        return (current or 0) == (wanted or 0)
    return current == wanted or (current is None and name in _UNSET_IS_FINE)
