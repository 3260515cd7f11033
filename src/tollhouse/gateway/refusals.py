"""Every way the road says no, with the words a caller reads. Refusals are normal: nobody logs them as failures."""

import math
from datetime import UTC, datetime
from typing import Final

import msgspec

from tollhouse.access.rates import Slow
from tollhouse.foundation.errors import (
    BadGateway,
    BadRequest,
    Forbidden,
    GatewayTimeout,
    MethodNotAllowed,
    PaymentRequired,
    RequestTimeout,
    TollhouseError,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from tollhouse.foundation.money import Nanos, exact_usd_string
from tollhouse.ledger.protocol import Standing

_NAMED_MODELS: Final = 50
CONTENDED_RETRY_S: Final = 1


def no_key() -> Unauthorized:
    return Unauthorized("No API key. Send a Tollhouse virtual key as `Authorization: Bearer aig_...`.")


def unknown_key() -> Unauthorized:
    return Unauthorized("Incorrect API key. Check that the whole key was copied, or ask your admin for a new one.")


def key_disabled() -> Forbidden:
    return Forbidden("This key is disabled. Ask your admin to enable it.", code="key_disabled")


def key_expired() -> Forbidden:
    return Forbidden("This key has expired. Ask your admin for a new one.", code="key_expired")


def model_not_allowed(model: str, allowed: tuple[str, ...]) -> Forbidden:
    shown = ", ".join(allowed[:_NAMED_MODELS])
    return Forbidden(
        f"This key may not use the model '{model}'. Allowed: {shown}.",
        code="model_not_allowed",
        param="model",
        detail={"allowed_models": list(allowed[:_NAMED_MODELS])},
    )


def gateway_not_ready() -> Unavailable:
    return Unavailable(
        "This customer's gateway is not ready yet. It is being set up; an admin sees its state in the settings.",
        code="gateway_not_ready",
        retry_after_s=5,
    )


def unknown_provider(model: str) -> BadRequest:
    return BadRequest(
        f"Cannot tell which provider serves '{model}'. Set the field `provider`, or write `provider/model`.",
        code="provider_unknown",
        param="provider",
    )


def provider_not_supported(provider: str) -> BadRequest:
    return BadRequest(
        f"The provider '{provider}' is not one that chat calls can be sent to.",
        code="provider_unknown",
        param="provider",
    )


def provider_key_missing(provider: str) -> Forbidden:
    return Forbidden(
        f"Calls to '{provider}' go out with your organisation's own key for it, and none is stored. "
        "Ask your admin to add one.",
        code="provider_key_missing",
        param="model",
    )


def provider_key_unreadable(provider: str) -> Unavailable:
    return Unavailable(
        f"Your organisation's key for '{provider}' cannot be opened here. Ask your operator to run `tollhouse doctor`, "
        "or your admin to store the key anew.",
        code="provider_key_unreadable",
    )


def bad_field(field: str, must: str, *, code: str = "invalid_value") -> BadRequest:
    return BadRequest(f"`{field}` {must}.", code=code, param=field)


def bad_json(reason: str) -> BadRequest:
    return BadRequest(f"The body is not a JSON object we can read: {reason}.", code="invalid_json")


def body_too_large(limit_bytes: int) -> TooLarge:
    return TooLarge(f"The body is larger than {limit_bytes} bytes. Send less, or ask your operator for more.")


def body_too_slow(seconds: float) -> RequestTimeout:
    return RequestTimeout(f"The body did not arrive within {seconds:g} seconds.")


def model_unpriced(provider: str, model: str) -> PaymentRequired:
    return PaymentRequired(
        f"'{provider}/{model}' has no price, and this key has a budget: it cannot be held to it. "
        "Use a priced model, or ask your operator to add a price.",
        code="model_unpriced",
        param="model",
    )


def over_budget(standing: Standing, required: Nanos, affordable_max_tokens: int) -> TollhouseError:
    """402 when the money is spent; 429 only when calls in flight hold it and may give it back."""
    limit = standing.limit or Nanos(0)
    left = left_of(standing)
    if limit - standing.spent - standing.doubt >= required:
        return _contended(standing, required, affordable_max_tokens)
    wish = f" You can afford at most {affordable_max_tokens} output tokens." if affordable_max_tokens > 0 else ""
    return PaymentRequired(
        f"The {standing.scope.kind}'s budget does not cover this call: {exact_usd_string(required)} USD needed, "
        f"{exact_usd_string(left)} USD left.{wish}{_until(_moment(standing.resets_at))}",
        detail=_budget_detail(standing, required, affordable_max_tokens),
    )


def too_fast(slow: Slow) -> TollhouseError:
    """The key's calls come faster than it may make them."""
    minute = "" if slow.what == "concurrent calls" else " a minute"
    return TooManyRequests(
        f"This key may make {slow.limit} {slow.what}{minute}. Try again in {slow.retry_after_s} seconds.",
        code="rate_limit_exceeded",
        detail={"limit": slow.limit, "limited": slow.what},
        retry_after_s=slow.retry_after_s,
    )


def left_of(standing: Standing) -> Nanos:
    """What the budget could still hold, as the book said; never below zero."""
    limit = standing.limit or 0
    return Nanos(max(limit - standing.spent - standing.leased - standing.doubt, 0))


def _contended(standing: Standing, required: Nanos, affordable_max_tokens: int) -> TooManyRequests:
    return TooManyRequests(
        f"Calls in flight hold {exact_usd_string(standing.leased)} USD of the {standing.scope.kind}'s budget. "
        "Try again when they have finished.",
        code="budget_contended",
        detail=_budget_detail(standing, required, affordable_max_tokens),
        retry_after_s=CONTENDED_RETRY_S,
    )


def _budget_detail(standing: Standing, required: Nanos, affordable: int) -> dict[str, str | int | None]:
    resets_at = _moment(standing.resets_at)
    return {
        "scope": standing.scope.kind,
        "limit": exact_usd_string(standing.limit or 0),
        "spent": exact_usd_string(standing.spent),
        "held": exact_usd_string(standing.leased),
        "remaining": exact_usd_string(left_of(standing)),
        "required": exact_usd_string(required),
        "affordable_max_tokens": max(affordable, 0),
        "resets_at": resets_at.isoformat() if resets_at else None,
    }


def _moment(seconds: float) -> datetime | None:
    return None if math.isinf(seconds) else datetime.fromtimestamp(seconds, UTC)


def _until(resets_at: datetime | None) -> str:
    return f" It resets at {resets_at:%Y-%m-%d %H:%M} UTC." if resets_at else " It does not reset by itself."


def ledger_unavailable() -> Unavailable:
    return Unavailable(
        "The ledger cannot be reached, so no money can be set aside. Try again shortly.",
        code="ledger_unavailable",
        retry_after_s=2,
    )


def upstream_broken() -> BadGateway:
    return BadGateway("The upstream gateway broke off before its answer was complete.", code="upstream_broken")


def call_too_long(seconds: float) -> GatewayTimeout:
    return GatewayTimeout(f"The call did not end within {seconds:g} seconds.")


def abandoned() -> GatewayTimeout:
    """For nobody to read: the caller left, and the answer did not end in the time it is read on for."""
    return GatewayTimeout("The caller left and the answer did not end in time.", code="abandoned")


def method_not_allowed() -> MethodNotAllowed:
    return MethodNotAllowed("Chat completions are made with POST.")


def internal_error() -> TollhouseError:
    return TollhouseError("Something went wrong on our side. The call's id helps your operator to find it.")


def as_event(error: TollhouseError) -> bytes:
    """What a caller gets instead of `[DONE]` when a stream breaks off."""
    return b"data: " + msgspec.json.encode(error.body()) + b"\n\n"
