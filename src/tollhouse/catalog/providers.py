"""Providers by the names Cloudflare's paths give them, and whose model a bare name is.

Only providers that can answer a chat call are known: Cloudflare's `replicate`, `huggingface`, `elevenlabs`
and the like have no path for it, so naming them is the same mistake as naming nobody.
"""

import re
from typing import Final, Protocol

SLUGS: Final = frozenset(
    {
        "anthropic",
        "aws-bedrock",
        "azure-openai",
        "baseten",
        "cerebras",
        "cohere",
        "deepseek",
        "fireworks",
        "google-ai-studio",
        "google-vertex-ai",
        "grok",
        "groq",
        "mistral",
        "openai",
        "openrouter",
        "parallel",
        "perplexity-ai",
        "workers-ai",
    }
)

ALIASES: Final = {
    "amazon-bedrock": "aws-bedrock",
    "aws": "aws-bedrock",
    "azure": "azure-openai",
    "bedrock": "aws-bedrock",
    "cloudflare": "workers-ai",
    "fireworks-ai": "fireworks",
    "gemini": "google-ai-studio",
    "google": "google-ai-studio",
    "google-vertex": "google-vertex-ai",
    "mistralai": "mistral",
    "perplexity": "perplexity-ai",
    "vertex": "google-vertex-ai",
    "vertex-ai": "google-vertex-ai",
    "workers": "workers-ai",
    "x-ai": "grok",
    "xai": "grok",
}
"""Names that people and other gateways use. Names of organisations on model hubs (`deepseek-ai/...`,
`meta-llama/...`) are not among them: they are part of a model's id at whoever hosts it."""

FIRST_PARTIES: Final = (
    "openai",
    "anthropic",
    "google-ai-studio",
    "grok",
    "mistral",
    "deepseek",
    "cohere",
    "perplexity-ai",
    "workers-ai",
)
"""Who a bare name belongs to when several sell it: makers before hosts, in this order."""

NAMED_ONLY: Final = frozenset({"azure-openai", "google-vertex-ai", "openrouter"})
"""Never inferred from a bare name: a name on Azure is the tenant's own deployment, Vertex and OpenRouter sell
what others make; who wants them says so."""

CONVENTIONS: Final = (
    ("gpt-", "openai"),
    ("chatgpt-", "openai"),
    ("o1-", "openai"),
    ("o3-", "openai"),
    ("o4-", "openai"),
    ("ft:gpt-", "openai"),
    ("ft:o4-", "openai"),
    ("claude-", "anthropic"),
    ("gemini-", "google-ai-studio"),
    ("grok-", "grok"),
    ("mistral-", "mistral"),
    ("codestral-", "mistral"),
    ("magistral-", "mistral"),
    ("ministral-", "mistral"),
    ("devstral-", "mistral"),
    ("pixtral-", "mistral"),
    ("voxtral-", "mistral"),
    ("open-mistral-", "mistral"),
    ("open-mixtral-", "mistral"),
    ("deepseek-", "deepseek"),
    ("command-", "cohere"),
    ("sonar-", "perplexity-ai"),
    ("@cf/", "workers-ai"),
    ("@hf/", "workers-ai"),
)
"""How makers name their models, for those the catalog does not know yet. `o1-` also stands for plain `o1`."""

_CUSTOM: Final = re.compile(r"custom-[a-z0-9][a-z0-9-]{0,62}")


class Owners(Protocol):
    """The part of the catalog that inference asks."""

    def provider_of(self, model: str) -> str | None: ...


def canonical_provider(name: str) -> str | None:
    """Cloudflare's slug for a slug, an alias or an account's own `custom-...` provider; None: unknown."""
    slug = name.lower().replace("_", "-")
    slug = ALIASES.get(slug, slug)
    return slug if slug in SLUGS or _CUSTOM.fullmatch(slug) else None


def infer(catalog: Owners, model: str) -> tuple[str, str] | None:
    """The provider meant by a model's name, and the name that this provider knows it by; None: cannot tell.

    In this order: a `provider/` prefix, the catalog, the makers' naming conventions. `meta-llama/...` and
    `@cf/...` have slashes but no prefix: their first segment is no provider.
    """
    head, _, rest = model.partition("/")
    prefix = canonical_provider(head)
    if prefix and rest:
        return prefix, rest
    owner = catalog.provider_of(model) or _by_convention(model)
    return (owner, model) if owner else None


def _by_convention(model: str) -> str | None:
    name = model.lower()
    for prefix, slug in CONVENTIONS:
        if name.startswith(prefix) or name == prefix.removesuffix("-"):
            return slug
    return None
