"""Cloudflare's error codes as a table: what the caller is told, and whether a model may have run. Data only.

`sent` is about money: "no" only where it is certain that no model ran for this call. Checks that Cloudflare
makes before it forwards (gateway, token, slug, rate, credit, spend limit, policy, prompt) are certain; a provider
that did not answer is not. Messages are safe for tenants: no ids, no key fragments, no Cloudflare vocabulary.

Sources: the wire contract, section 4.1; developers.cloudflare.com/workers-ai/platform/errors.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

from tollhouse.foundation.errors import (
    BadGateway,
    BadRequest,
    Forbidden,
    GatewayTimeout,
    NotFound,
    TollhouseError,
    TooLarge,
    TooManyRequests,
    Unavailable,
)

SentToProvider = Literal["no", "yes", "unknown"]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one code means. `shows_text`: Cloudflare's own words follow the message, with ids blanked out."""

    kind: type[TollhouseError]
    code: str
    message: str
    sent: SentToProvider = "no"
    retryable: bool = False
    param: str | None = None
    shows_text: bool = False


MISCONFIGURED: Final = Meaning(
    BadGateway, "upstream_misconfigured", "The connection to the model provider is not set up correctly."
)
CREDENTIALS: Final = Meaning(
    BadGateway,
    "upstream_credentials",
    "The model provider refused the operator's credentials; yours are not the reason.",
)
# Not 401: a client would take its own virtual key for the one that is wrong.
PROVIDER_KEY: Final = Meaning(
    Forbidden,
    "provider_key_refused",
    "The model provider refused your organisation's key. Ask your admin to store a valid one.",
)
GATEWAY_MISSING: Final = Meaning(
    Unavailable, "gateway_not_ready", "This customer's gateway does not exist at the provider yet."
)
UNPAID: Final = Meaning(
    BadGateway, "upstream_out_of_credit", "The operator's account has no credit left; your budget is not the reason."
)
RATE_LIMITED: Final = Meaning(
    TooManyRequests, "upstream_rate_limited", "Too many calls at once; try again shortly.", retryable=True
)
# Not 429: SDKs retry that, and the window may be a month. Not 402: the tenant's own budget is not spent.
SPEND_LIMIT: Final = Meaning(
    Unavailable, "upstream_spend_limit", "A spending limit of the operator is reached; your budget is not the reason."
)
NOT_ALLOWED: Final = Meaning(Forbidden, "denied_by_policy", "A policy of the operator does not allow this call.")
NOT_SOLD: Final = Meaning(BadRequest, "model_not_available", "This installation cannot buy this model.", param="model")
NO_SUCH_MODEL: Final = Meaning(NotFound, "model_not_found", "There is no such model.", param="model")
UNREADABLE: Final = Meaning(BadRequest, "invalid_request", "The model cannot read this request.", shows_text=True)
TOO_LARGE: Final = Meaning(TooLarge, "request_too_large", "The request is larger than the model's host accepts.")
OVERLOADED: Final = Meaning(
    TooManyRequests, "upstream_overloaded", "The model's host has no capacity left; try again shortly.", retryable=True
)
NO_ANSWER: Final = Meaning(
    BadGateway, "upstream_no_answer", "The model provider did not answer.", sent="unknown", retryable=True
)
TIMED_OUT: Final = Meaning(
    GatewayTimeout, "upstream_timeout", "The model provider did not answer in time.", sent="unknown", retryable=True
)
FAILED: Final = Meaning(
    BadGateway, "upstream_error", "The call failed on its way to the model provider.", sent="unknown", retryable=True
)
# 400 rather than Cloudflare's 424: it is the caller's text that is refused, and no SDK repeats a 400.
PROMPT_BLOCKED: Final = Meaning(
    BadRequest, "content_blocked", "A content rule of the operator blocked the prompt.", param="messages"
)
ANSWER_BLOCKED: Final = Meaning(
    BadRequest, "content_blocked", "A content rule of the operator blocked the answer.", sent="yes"
)

BY_CODE: Final[dict[int, Meaning]] = {
    # The gateway
    2001: GATEWAY_MISSING,
    2003: RATE_LIMITED,
    2005: NO_ANSWER,  # a 400 that is transient
    2008: MISCONFIGURED,  # unknown slug or path: our own table
    2009: MISCONFIGURED,  # our token
    2016: PROMPT_BLOCKED,
    2017: ANSWER_BLOCKED,
    2018: RATE_LIMITED,
    2019: MISCONFIGURED,  # model without prefix on /compat: our own table
    2021: UNPAID,  # unless the text says otherwise, see BY_TEXT
    2029: PROMPT_BLOCKED,
    2030: ANSWER_BLOCKED,
    2040: MISCONFIGURED,  # no stored key of that name; or a spend rule without a price
    2041: SPEND_LIMIT,
    2044: MISCONFIGURED,  # no stored key, and Unified Billing forbidden
    2045: SPEND_LIMIT,
    2049: MISCONFIGURED,
    # The API in front of Workers AI
    7003: MISCONFIGURED,
    7007: UNPAID,
    9106: MISCONFIGURED,
    9109: MISCONFIGURED,
    10000: MISCONFIGURED,
    # Workers AI itself
    3003: UNREADABLE,
    3006: TOO_LARGE,
    3007: TIMED_OUT,
    3008: NO_ANSWER,
    3023: MISCONFIGURED,  # account blocked
    3036: UNPAID,  # the day's free allocation is used up
    3039: UNREADABLE,
    3040: OVERLOADED,
    3041: NOT_SOLD,
    3042: NO_SUCH_MODEL,
    5004: UNREADABLE,
    5005: UNREADABLE,
    5006: UNREADABLE,
    5007: NO_SUCH_MODEL,
    5016: NOT_SOLD,  # the model's licence was not accepted
    5018: NOT_SOLD,
    5019: UNREADABLE,
}

BY_TEXT: Final[dict[int, tuple[tuple[str, Meaning], ...]]] = {
    2021: (("rate limit", RATE_LIMITED), ("not available", NOT_SOLD)),
    7003: (
        ("model not found", NO_SUCH_MODEL),
        ("execution failed", replace(UNREADABLE, sent="unknown")),
    ),
}
"""Codes with several meanings that only the text tells apart; looked at before BY_CODE, in lower case."""


def meaning_of(code: int, text: str) -> Meaning | None:
    """What a listed code means; None for one that is not listed."""
    lowered = text.lower()
    for part, meaning in BY_TEXT.get(code, ()):
        if part in lowered:
            return meaning
    return BY_CODE.get(code)


def unlisted_from_gateway(status: int) -> Meaning:
    """A code of the gateway that nobody listed: nothing is certain, whatever its status (2005 is a 400 too)."""
    match status:
        case 429:
            return replace(RATE_LIMITED, sent="unknown")
        case 408 | 504:
            return TIMED_OUT
        case _:
            return FAILED


def unlisted_from_api(status: int, *, workers_ai: bool) -> Meaning:
    """A code of the API or of Workers AI that nobody listed. Its 4xx are refusals: no model ran."""
    match status:
        case 408 | 504:
            return TIMED_OUT
        case 413:
            return TOO_LARGE
        case 429:
            return RATE_LIMITED
        case 400 | 404 | 405 | 422 if workers_ai:
            return UNREADABLE
        case _ if 400 <= status < 500:
            return MISCONFIGURED
        case _:
            return FAILED


def from_edge(status: int) -> Meaning:
    """A page of Cloudflare's edge, in front of the gateway. Its 4xx are refusals before the gateway ran."""
    match status:
        case 413:
            return TOO_LARGE
        case 429:
            return RATE_LIMITED
        case 408 | 504 | 522 | 524:
            return TIMED_OUT
        case _:
            return MISCONFIGURED if status < 500 else NO_ANSWER
