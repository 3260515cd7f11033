"""Which provider answers on which path: the emulator's own table, from the wire contract, section 2.2.

Exact on purpose. `workers-ai/chat/completions`, `mistral/chat/completions` and `grok/chat/completions` are 404s,
and a provider's own id is bare on its own path but carries a prefix on /compat.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tollhouse.emulator.faults import GatewayFault, ProviderFault, WorkersAiFault


@dataclass(frozen=True, slots=True)
class Provider:
    """`chat` matches the path after the slug; None: no OpenAI-style chat there. `prefix`: its name on /compat."""

    slug: str
    chat: str | None = None
    prefix: str | None = None
    unified: bool = False
    """Whether Cloudflare sells it through Unified Billing."""
    ids: str = r"[^/]+"
    """What a model id looks like on the provider's own path."""


_ANY_ID: Final = r".+"

PROVIDERS: Final = {
    provider.slug: provider
    for provider in (
        Provider("openai", "chat/completions", "openai", unified=True),
        Provider("groq", "chat/completions", "groq", unified=True, ids=_ANY_ID),
        Provider("deepseek", "chat/completions", "deepseek"),
        Provider("perplexity-ai", "chat/completions", "perplexity"),
        Provider("openrouter", "(?:v1/)?chat/completions", ids=r"[^/]+/.+"),
        Provider("cerebras", "chat/completions", "cerebras"),
        Provider("fireworks", "chat/completions", ids=_ANY_ID),
        Provider("grok", "v1/chat/completions", "grok", unified=True),
        Provider("baseten", "v1/chat/completions", "baseten", ids=_ANY_ID),
        Provider("workers-ai", "v1/chat/completions", "workers-ai", ids=r"@(?:cf|hf)/.+"),
        Provider("mistral", "v1/chat/completions", "mistral"),
        Provider(
            "google-ai-studio",
            "v1beta/openai/chat/completions",
            "google-ai-studio",
            unified=True,
            ids=r"(?:models/)?[^/]+",
        ),
        Provider("anthropic", None, "anthropic", unified=True),
        Provider("google-vertex-ai", None, "google-vertex-ai", unified=True, ids=r"[^/]+/[^/]+"),
        Provider("aws-bedrock", None, "aws-bedrock", ids=_ANY_ID),
        Provider("azure-openai", "[^/]+/[^/]+/chat/completions"),
        Provider("cohere", None, "cohere"),
        Provider("parallel", None, "parallel", ids=_ANY_ID),
        Provider("huggingface"),
        Provider("replicate"),
        Provider("fal"),
        Provider("ideogram"),
        Provider("cartesia"),
        Provider("deepgram"),
        Provider("elevenlabs"),
        Provider("adobe-firefly"),
    )
}

_BY_PREFIX: Final = {provider.prefix: provider for provider in PROVIDERS.values() if provider.prefix}
_AZURE: Final = PROVIDERS["azure-openai"]
_COMPAT_CHAT: Final = "chat/completions"

WITHOUT_UNIFIED_BILLING: Final = frozenset(
    slug for slug, provider in PROVIDERS.items() if not provider.unified and slug != "workers-ai"
)
"""Providers that need a key stored at Cloudflare (or sent along)."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a path leads. `provider` is None on /compat, where the model's prefix names it."""

    provider: Provider | None
    rest: str


@dataclass(frozen=True, slots=True)
class Target:
    """Who is asked for which model. `native` is False on /compat."""

    provider: Provider
    model: str
    native: bool


def find_place(path: str) -> Place:
    """The part of the path after the gateway. Raises GatewayFault 2008 for an unknown provider."""
    slug, _, rest = path.partition("/")
    if slug == "compat":
        if rest != _COMPAT_CHAT:
            raise GatewayFault(2008)
        return Place(None, rest)
    provider = PROVIDERS.get(slug)
    if provider is None:
        raise GatewayFault(2008)
    return Place(provider, rest)


def require_chat(place: Place, method: str, parameters: Mapping[str, str]) -> None:
    """Whether the provider answers chat there; raises its own 404 or 405."""
    chat = _COMPAT_CHAT if place.provider is None else place.provider.chat
    found = chat is not None and re.fullmatch(chat, place.rest)
    if not found or (place.provider is _AZURE and "api-version" not in parameters):
        raise ProviderFault(404, f"Invalid URL ({method} /{place.rest})")
    if method != "POST":
        raise ProviderFault(405, f"Not allowed to {method} on /{place.rest}.", "method_not_supported")


def find_target(place: Place, model: str) -> Target:
    """Join path and model. Raises GatewayFault on /compat, the provider's 404 for an id it cannot have."""
    if place.provider is not None:
        _require_id(place.provider, model)
        return Target(place.provider, model, native=True)
    prefix, slash, bare = model.partition("/")
    if not (slash and prefix and bare):
        raise GatewayFault(2019)
    provider = _BY_PREFIX.get(prefix)
    if provider is None:
        raise GatewayFault(2008)
    _require_id(provider, bare)
    return Target(provider, bare, native=False)


def _require_id(provider: Provider, model: str) -> None:
    if re.fullmatch(provider.ids, model):
        return
    if provider.slug == "workers-ai":
        raise WorkersAiFault(400, f"No such model {model} or task", number=5007)
    message = f"The model `{model}` does not exist or you do not have access to it."
    raise ProviderFault(404, message, "model_not_found")
