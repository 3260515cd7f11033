"""Whose key pays, and which secrets are where they do not belong (wire contract, section 3.3).

Precedence: a provider credential on the request, then a key stored at Cloudflare, then Unified Billing. Cloudflare
hands a credential on the request to the provider untouched, whatever it is; so when the caller is not known to
bring its own key, any such header is a leak and the provider's 401.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from tollhouse.emulator.faults import WHOLESALE_TEXTS, GatewayFault, ProviderFault
from tollhouse.emulator.gateways import Gateway
from tollhouse.emulator.paths import Target
from tollhouse.emulator.wire import Request, bearer

Payer = Literal["request", "stored", "unified", "workers-ai", "nobody"]

AUTHORIZATION: Final = "cf-aig-authorization"
PROVIDER_HEADERS: Final = ("authorization", "x-api-key", "x-goog-api-key", "api-key", "xi-api-key")
_CALLERS_OWN: Final = ("cookie", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
_OUR_TOKENS: Final = re.compile(rb"(?:aig_|tht_|ths_)[0-9a-f]{16,}")
_TELLTALE_LENGTH: Final = 12
_STORED_ALIAS: Final = "default"


@dataclass(frozen=True, slots=True)
class FoundLeak:
    kind: Literal["provider_credential", "cloudflare_token", "tollhouse_token", "caller_header"]
    where: str


@dataclass(frozen=True, slots=True)
class Account:
    """What the emulated account has: tokens of its own, provider keys that callers may bring, keys stored with us."""

    tokens: frozenset[str]
    provider_keys: frozenset[str]
    stored_keys: frozenset[str]

    @property
    def telltale(self) -> list[str]:
        """Tokens long enough that finding one inside other text means something."""
        return [token for token in self.tokens if len(token) >= _TELLTALE_LENGTH]


def is_authorized(request: Request, account: Account) -> bool:
    """A Run token in the one header where it belongs."""
    return bearer(request.fields.get(AUTHORIZATION)) in account.tokens


def find_payer(request: Request, gateway: Gateway, target: Target, account: Account) -> Payer:
    """Raises GatewayFault when nobody may pay, ProviderFault when the provider does not know the credential."""
    brought = _brought(request.fields)
    if target.provider.slug == "workers-ai":
        return _workers_ai_payer(request, target, account, brought)
    if brought:
        if any(secret not in account.provider_keys for secret in brought.values()):
            raise ProviderFault(401, "Incorrect API key provided.", "invalid_api_key")
        return "request"
    if not is_authorized(request, account):
        return "nobody"
    return "stored" if _has_key(request, gateway, target, account) else _unified(request, gateway, target)


def _brought(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: bearer(fields[name]) or fields[name] for name in PROVIDER_HEADERS if name in fields}


def _workers_ai_payer(request: Request, target: Target, account: Account, brought: Mapping[str, str]) -> Payer:
    """Its credential is a Cloudflare token; /compat also takes the gateway's."""
    if any(name != "authorization" or secret not in account.tokens for name, secret in brought.items()):
        return "nobody"
    if brought or (not target.native and is_authorized(request, account)):
        return "workers-ai"
    return "nobody"


def _has_key(request: Request, gateway: Gateway, target: Target, account: Account) -> bool:
    alias = request.fields.get("cf-aig-byok-alias") if target.native else None
    slug = target.provider.slug
    aliases = {key.alias for key in gateway.keys if key.provider_slug == slug}
    if slug in account.stored_keys:
        aliases.add(_STORED_ALIAS)
    if alias is not None and alias not in aliases:
        raise GatewayFault(2040, f"No stored credential with alias {alias}. Known: {', '.join(sorted(aliases))}")
    return (alias or _STORED_ALIAS) in aliases


def _unified(request: Request, gateway: Gateway, target: Target) -> Payer:
    if gateway.settings.byok_only or request.fields.get("cf-aig-no-wholesale") == "true":
        raise GatewayFault(2044)
    if not target.provider.unified:
        raise GatewayFault(2021, WHOLESALE_TEXTS["unavailable"])
    return "unified" if gateway.settings.authentication else "nobody"


def find_leaks(request: Request, provider: str | None, account: Account) -> Iterator[FoundLeak]:
    """Everything on the request that must never be there. `provider` is None while it is not known."""
    for name in PROVIDER_HEADERS:
        if name in request.fields:
            yield from _provider_header_leak(name, request.fields[name], provider, account)
    for name, value in request.fields.items():
        if name not in PROVIDER_HEADERS and name != AUTHORIZATION and _holds_token(value, account):
            yield FoundLeak("cloudflare_token", name)
        if _holds_our_token(value.encode("latin-1")):
            yield FoundLeak("tollhouse_token", name)
    for name in _CALLERS_OWN:
        if name in request.fields:
            yield FoundLeak("caller_header", name)
    yield from _body_leaks(request.body, account)


def _provider_header_leak(name: str, value: str, provider: str | None, account: Account) -> Iterator[FoundLeak]:
    secret = bearer(value) or value
    if secret in account.tokens:
        if provider != "workers-ai" or name != "authorization":
            yield FoundLeak("cloudflare_token", name)
    elif secret not in account.provider_keys:
        yield FoundLeak("provider_credential", name)


def _holds_token(value: str, account: Account) -> bool:
    return any(token in value for token in account.telltale)


def _body_leaks(body: bytes, account: Account) -> Iterator[FoundLeak]:
    if any(token.encode() in body for token in account.telltale):
        yield FoundLeak("cloudflare_token", "body")
    if _holds_our_token(body):
        yield FoundLeak("tollhouse_token", "body")


def _holds_our_token(text: bytes) -> bool:
    return (b"aig_" in text or b"tht_" in text or b"ths_" in text) and _OUR_TOKENS.search(text) is not None
