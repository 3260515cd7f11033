"""Tell Cloudflare's own errors from a provider's, and say what they mean. Pure.

Cloudflare says no in four shapes: a list under `error` (the gateway), an object under `error` (policies), a list
under `errors` (its API and Workers AI; once seen with status 200), and a page of its edge. None is OpenAI's.
A provider's own error is none of these and passes through verbatim, with two exceptions. A 401: the caller sent no
provider credential, so it is the operator's to mend, or the admin's who stored a key, and its text may show part of
that. A redirect: the tenant's client would follow it, with its virtual key.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import msgspec

from tollhouse.cloudflare import codes
from tollhouse.cloudflare.codes import Meaning, SentToProvider
from tollhouse.foundation.errors import UNREADABLE, TollhouseError

_MOST_BODY_BYTES: Final = 64 << 10
"""Cloudflare's errors are short; a longer body is somebody's answer and is not searched."""
_MOST_SAID_CHARS: Final = 300
_ABSENT: Final = (b"", b"null")
_EDGE_STATUSES: Final = frozenset({*range(520, 528), 530})
_LONG_ID: Final = re.compile(r"[0-9A-Fa-f]{32,}")

_Shape = TypeVar("_Shape")


@dataclass(frozen=True, slots=True)
class UpstreamFault:
    """An error that is Cloudflare's, or the operator's at Cloudflare or a provider.

    `error` is what the caller gets. `sent_to_provider`: "no" only where it is certain that no model ran, so there
    is nothing to bill; "yes" where one did; else "unknown". `retryable`: the same call may work later (this says
    nothing about its money). `cloudflare_code` and `said` are for the operator's log; never show `said` to tenants.
    """

    error: TollhouseError
    sent_to_provider: SentToProvider
    retryable: bool
    cloudflare_code: int | None = None
    said: str = ""


class _Item(msgspec.Struct):
    """One entry of a list of errors."""

    code: int | None = None
    message: str = ""


class _Rejection(msgspec.Struct):
    """What a policy says: no code; a spent budget also names its bucket and limit."""

    message: str
    bucket: msgspec.Raw = msgspec.Raw()
    limit: msgspec.Raw = msgspec.Raw()


class _Body(msgspec.Struct):
    """The keys by which the shapes are told apart."""

    success: bool | None = None
    name: str | None = None
    error: msgspec.Raw = msgspec.Raw()
    errors: msgspec.Raw = msgspec.Raw()
    choices: msgspec.Raw = msgspec.Raw()


def translate(
    status: int,
    headers: Iterable[tuple[bytes, bytes]],
    body: bytes,
    provider: str,
    *,
    customers_key: bool = False,
) -> UpstreamFault | None:
    """What to tell the caller instead of this answer; None: it is the provider's own and passes through.

    Header names are lower case. `customers_key`: the call went out with a key of the customer's own. Ask for every
    answer with an error status, and for one with status 200 that is no completion.
    """
    parsed = _read(body, _Body) if len(body) <= _MOST_BODY_BYTES else None
    fault = _from_json(status, parsed, provider) if parsed else None
    if fault is not None:
        return fault
    if 300 <= status < 400:
        return _fault(replace(codes.MISCONFIGURED, sent="unknown"), said=f"redirect {status}")
    if status == 401:
        refused = codes.PROVIDER_KEY if customers_key else codes.CREDENTIALS
        return _fault(refused, said=f"401 from {provider}")
    if parsed is None and _is_of_edge(status, dict(headers), body):
        return _fault(codes.from_edge(status), said=f"edge page with status {status}")
    return None


def _from_json(status: int, body: _Body, provider: str) -> UpstreamFault | None:
    if bytes(body.choices) not in _ABSENT:
        return None
    error = bytes(body.error)
    if body.name == "AiGatewayError" or (body.success is False and error.startswith(b"[")):
        return _from_list(status, _items(body.error), codes.unlisted_from_gateway(status))
    if body.success is False and error.startswith(b"{"):
        return _from_policy(status, _read(body.error, _Rejection))
    items = _items(body.errors)
    if items and (body.success is False or any(item.code is not None for item in items)):
        return _from_list(status, items, codes.unlisted_from_api(status, workers_ai=provider == "workers-ai"))
    return None


def _from_list(status: int, items: list[_Item], unlisted: Meaning) -> UpstreamFault:
    """The first entry with a listed code decides; else the first entry, with what its status says.

    The listed codes come with a 4xx (or the odd 200). With a 5xx something else failed too: nothing is certain.
    """
    meaning, item = _listed(items) or (unlisted, items[0] if items else _Item())
    if status >= 500 and meaning.sent == "no":
        meaning = replace(meaning, sent="unknown")
    return _fault(meaning, item)


def _listed(items: list[_Item]) -> tuple[Meaning, _Item] | None:
    for item in items:
        meaning = codes.meaning_of(item.code, item.message) if item.code is not None else None
        if meaning is not None:
            return meaning, item
    return None


def _from_policy(status: int, rejection: _Rejection | None) -> UpstreamFault | None:
    """Policies are judged before the call is forwarded, so no model ran."""
    if rejection is None:
        return None
    names_limit = bytes(rejection.bucket) or bytes(rejection.limit) or "limit" in rejection.message.lower()
    if status == 429 and names_limit:
        return _fault(codes.SPEND_LIMIT, _Item(message=rejection.message))
    if status == 403 and "policy" in rejection.message.lower():
        return _fault(codes.NOT_ALLOWED, _Item(message=rejection.message))
    return None


def _is_of_edge(status: int, headers: dict[bytes, bytes], body: bytes) -> bool:
    """Whether an answer that is no JSON comes from in front of the gateway, which marks all it lets through."""
    if status in _EDGE_STATUSES:
        return True
    if status < 400 or any(name.startswith(b"cf-aig-") for name in headers):
        return False
    return headers.get(b"content-type", b"").startswith(b"text/html") or body.startswith(b"error code: ")


def _fault(meaning: Meaning, item: _Item | None = None, *, said: str = "") -> UpstreamFault:
    text = (item.message if item else said)[:_MOST_SAID_CHARS]
    message = f"{meaning.message} {_LONG_ID.sub('***', text)}" if meaning.shows_text and text else meaning.message
    error = meaning.kind(message, code=meaning.code, param=meaning.param)
    return UpstreamFault(error, meaning.sent, meaning.retryable, item.code if item else None, text)


def _items(raw: msgspec.Raw) -> list[_Item]:
    return _read(raw, list[_Item]) or []


def _read(raw: bytes | msgspec.Raw, shape: type[_Shape]) -> _Shape | None:
    """The JSON if it has this shape; None is no failure here, for most bodies are not Cloudflare's."""
    if not raw:
        return None
    try:
        return msgspec.json.decode(raw, type=shape, strict=False)
    except UNREADABLE:
        return None
