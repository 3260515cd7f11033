"""Which path, which model name and which headers a provider behind Cloudflare needs. Pure data and pure functions.

What leaves is built from nothing: no header of a tenant is ever an input here. Our token is in
`cf-aig-authorization`, with one exception: Workers AI is Cloudflare itself and takes the same token in
`Authorization`. Sent to any other provider that copy would be forwarded, and the provider would learn our token: there
`Authorization` is the place of a customer's own key, which is forwarded as it is, and of nothing else.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, get_args

import msgspec

from tollhouse.cloudflare.names import is_account_id, is_gateway_id
from tollhouse.foundation.errors import BadRequest, Unavailable
from tollhouse.foundation.secrets import Secret

Headers = list[tuple[bytes, bytes]]
CredentialMode = Literal["unified", "byok", "workers-ai", "pass-through"]
"""Who pays the provider: Cloudflare's Unified Billing, a key stored at Cloudflare, nobody but Cloudflare, or a key of
the customer's own that is stored with us and goes along with each call."""
MaxTokensField = Literal["max_tokens", "max_completion_tokens", "both"]

_COMPAT_PATH: Final = "compat/chat/completions"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRoute:
    """How one provider is reached.

    `chat_path` follows the gateway's own path. `compat`: Cloudflare translates, and the model's name carries
    `model_prefix`. `unified_billing`: Cloudflare sells it. `stream_usage`: may be sent
    `stream_options.include_usage`; where not, usage comes unasked. `max_tokens_field`: the one field whose value
    bounds the answer, hidden reasoning included; "both" only for a provider that reads either and refuses
    neither. `names_standard_tier`: without `service_tier` it takes a project's own setting, which may be dearer.
    `bearer_key`: its credential is one plain key, taken as `Authorization: Bearer` on this path.
    `unbilled_5xx`: statuses that are proven to cost nothing. `normalises_text`: the tokeniser may first
    bring text to NFKC and so see more bytes than were sent.
    """

    slug: str
    chat_path: str
    compat: bool = False
    model_prefix: str
    unified_billing: bool = False
    stream_usage: bool = True
    max_tokens_field: MaxTokensField = "max_tokens"
    unbilled_5xx: frozenset[int] = frozenset()
    normalises_text: bool = True
    names_standard_tier: bool = False
    bearer_key: bool = True


def _native(
    slug: str,
    path: str,
    *,
    unified_billing: bool = False,
    stream_usage: bool = True,
    max_tokens_field: MaxTokensField = "max_tokens",
    normalises_text: bool = True,
    names_standard_tier: bool = False,
    bearer_key: bool = True,
) -> ProviderRoute:
    """A provider with OpenAI-style chat of its own: `path` follows the slug, models keep their bare names."""
    return ProviderRoute(
        slug=slug,
        chat_path=f"{slug}/{path}",
        model_prefix=f"{slug}/",
        unified_billing=unified_billing,
        stream_usage=stream_usage,
        max_tokens_field=max_tokens_field,
        normalises_text=normalises_text,
        names_standard_tier=names_standard_tier,
        bearer_key=bearer_key,
    )


def _compat(slug: str, prefix: str = "", *, unified_billing: bool = False, bearer_key: bool = True) -> ProviderRoute:
    """A provider that Cloudflare translates OpenAI's chat for."""
    return ProviderRoute(
        slug=slug,
        chat_path=_COMPAT_PATH,
        compat=True,
        model_prefix=prefix or f"{slug}/",
        unified_billing=unified_billing,
        bearer_key=bearer_key,
    )


# The rule for the output cap: OpenAI, xAI, Groq and Cerebras document `max_completion_tokens` for all their chat
# models (OpenAI refuses `max_tokens` on o1 and later, and both together on any); the others know `max_tokens`.
# Mistral answers 422 to `stream_options`; Mistral and Perplexity report usage of a stream unasked.
# Vertex takes a service account and Bedrock signed requests, so neither has a key to send along; Workers AI takes ours.
# azure-openai has no fixed path (resource and deployment are the tenant's) and huggingface, replicate, fal,
# ideogram, cartesia, deepgram, elevenlabs, adobe-firefly have no OpenAI-style chat: all of them are absent.
_ROUTES: Final = {
    route.slug: route
    for route in (
        _native(
            "openai",
            "chat/completions",
            unified_billing=True,
            max_tokens_field="max_completion_tokens",
            normalises_text=False,  # byte-level BPE without a normaliser (tiktoken)
            names_standard_tier=True,
        ),
        _native("groq", "chat/completions", unified_billing=True, max_tokens_field="max_completion_tokens"),
        _native("deepseek", "chat/completions"),
        _native("perplexity-ai", "chat/completions", stream_usage=False),
        _native("openrouter", "chat/completions"),
        _native("cerebras", "chat/completions", max_tokens_field="max_completion_tokens"),
        _native("fireworks", "chat/completions"),
        _native("grok", "v1/chat/completions", unified_billing=True, max_tokens_field="max_completion_tokens"),
        _native("baseten", "v1/chat/completions"),
        _native("workers-ai", "v1/chat/completions", bearer_key=False),
        _native("mistral", "v1/chat/completions", stream_usage=False),
        _native("google-ai-studio", "v1beta/openai/chat/completions", unified_billing=True),
        _compat("anthropic", unified_billing=True),
        _compat("google-vertex-ai", "google-vertex-ai/google/", unified_billing=True, bearer_key=False),
        _compat("aws-bedrock", bearer_key=False),
        _compat("cohere"),
        _compat("parallel"),
    )
}

SLUGS: Final = frozenset(_ROUTES)


def route_of(provider: str) -> ProviderRoute | None:
    """The route of a provider by Cloudflare's slug; None if it is unknown or cannot answer a chat call."""
    return _ROUTES.get(provider)


def model_on_the_wire(route: ProviderRoute, model: str) -> str:
    """The name the other side expects: bare on a provider's own path, `prefix/model` on /compat.

    A name that says its provider already is left alone, so that Vertex's `google-vertex-ai/<publisher>/<model>`
    can be given in full. On native paths nothing is taken away: `openrouter/auto` is a model's real name.
    """
    if not route.compat or model.startswith((route.model_prefix, f"{route.slug}/")):
        return model
    return route.model_prefix + model


def chat_url_path(account_id: str, gateway_id: str, route: ProviderRoute) -> str:
    """The path below the gateway base. Raises Unavailable for ids that are none: a fault in our own rows."""
    if not (is_account_id(account_id) and is_gateway_id(gateway_id)):
        raise Unavailable("This customer's gateway is not usable.", code="gateway_not_ready")
    return f"/{account_id}/{gateway_id}/{route.chat_path}"


@dataclass(frozen=True, slots=True)
class CallMetadata:
    """What Cloudflare's log may know of a call: at most five scalars, or it silently drops them all."""

    customer: str
    key_id: str
    user: str | None
    team: str | None
    call_id: str

    def encoded(self) -> bytes:
        """As JSON in ASCII, without what is None: one null makes Cloudflare discard the whole map."""
        entries = {"customer": self.customer, "key_id": self.key_id, "call_id": self.call_id}
        if self.user is not None:
            entries["user"] = self.user
        if self.team is not None:
            entries["team"] = self.team
        encoded = msgspec.json.encode(entries)
        return encoded if encoded.isascii() else json.dumps(entries).encode()


_FIXED: Final = (
    (b"content-type", b"application/json"),
    (b"accept", b"application/json, text/event-stream"),
    # Compressed answers would have to be unpacked before their usage could be read.
    (b"accept-encoding", b"identity"),
    (b"user-agent", b"tollhouse"),
    # Measured: gateways with caching off still answered from the cache, across users.
    (b"cf-aig-skip-cache", b"true"),
    (b"cf-aig-collect-log-payload", b"false"),
    # A retry at Cloudflare is paid for, and nobody held money for it.
    (b"cf-aig-max-attempts", b"1"),
)
_NEVER_UNIFIED: Final = (b"cf-aig-no-wholesale", b"true")
_NEVER_UNIFIED_MODES: Final = frozenset({"byok", "pass-through"})
_MODES: Final = frozenset(get_args(CredentialMode))
_LOG_ID: Final = re.compile(rb"[0-9A-Za-z_-]{1,64}")


def require_callable(credential_mode: str, provider: str) -> None:
    """Whether this customer can call this provider at all; ask before money is held for it.

    Raises Unavailable for a credential mode that is none (a fault in our own rows), BadRequest when a customer
    confined to Workers AI names another provider, or one who brings own keys a provider that takes none.
    """
    if credential_mode not in _MODES:
        raise Unavailable("This customer's credential mode is not usable.", code="gateway_not_ready")
    if provider == "workers-ai":
        return
    if credential_mode == "workers-ai":
        raise _not_available("Only Workers AI models can be called here.")
    route = route_of(provider)
    if credential_mode == "pass-through" and (route is None or not route.bearer_key):
        raise _not_available(f"'{provider}' cannot be called here: it does not take a plain key of one's own.")


def request_headers(
    credential_mode: str,
    token: Secret,
    metadata: CallMetadata,
    *,
    provider: str,
    provider_key: Secret | None = None,
) -> Headers:
    """Everything that is sent besides host and length. `provider_key` goes along where it is what pays.

    Raises as `require_callable` does, and Unavailable where the key that must pay is missing.
    """
    require_callable(credential_mode, provider)
    bearer = _bearer(token)
    headers = [*_FIXED, (b"cf-aig-metadata", metadata.encoded()), (b"cf-aig-authorization", bearer)]
    if credential_mode in _NEVER_UNIFIED_MODES:
        headers.append(_NEVER_UNIFIED)
    if provider == "workers-ai":
        headers.append((b"authorization", bearer))
    elif credential_mode == "pass-through":
        if provider_key is None:
            raise Unavailable("The key that this call goes out with is missing.", code="gateway_not_ready")
        headers.append((b"authorization", _bearer(provider_key)))
    return headers


def _bearer(secret: Secret) -> bytes:
    return b"Bearer " + secret.reveal().encode()


def _not_available(message: str) -> BadRequest:
    return BadRequest(message, code="provider_not_available", param="model")


def log_id(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Cloudflare's id for its log row of this call; refused calls have one too."""
    for name, value in headers:
        if name == b"cf-aig-log-id":
            return value.decode() if _LOG_ID.fullmatch(value) else None
    return None
