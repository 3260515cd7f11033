"""A model's name leads to its provider: by prefix, else by the catalog, else by how makers name their models."""

from dataclasses import dataclass, field

import pytest

from tollhouse.catalog import providers
from tollhouse.catalog.models import Catalog
from tollhouse.catalog.providers import canonical_provider, infer


@dataclass
class Owners:
    """A catalog that knows just these."""

    names: dict[str, str] = field(default_factory=dict)

    def provider_of(self, model: str) -> str | None:
        return self.names.get(model)


EMPTY = Owners()


@pytest.mark.parametrize("slug", sorted(providers.SLUGS))
def test_a_slug_of_cloudflare_stands_for_itself(slug: str) -> None:
    assert canonical_provider(slug) == slug


@pytest.mark.parametrize(
    ("alias", "slug"),
    [
        ("google", "google-ai-studio"),
        ("gemini", "google-ai-studio"),
        ("xai", "grok"),
        ("x-ai", "grok"),
        ("perplexity", "perplexity-ai"),
        ("cloudflare", "workers-ai"),
        ("workers", "workers-ai"),
        ("aws", "aws-bedrock"),
        ("bedrock", "aws-bedrock"),
        ("azure", "azure-openai"),
        ("vertex", "google-vertex-ai"),
        ("mistralai", "mistral"),
        ("OpenAI", "openai"),
        ("google_ai_studio", "google-ai-studio"),
        ("custom-acme", "custom-acme"),
    ],
)
def test_an_alias_stands_for_a_slug(alias: str, slug: str) -> None:
    assert canonical_provider(alias) == slug


def test_every_alias_leads_to_a_slug_and_hides_none() -> None:
    assert set(providers.ALIASES.values()) <= providers.SLUGS
    assert not providers.ALIASES.keys() & providers.SLUGS


def test_conventions_and_makers_name_known_providers() -> None:
    assert {slug for _, slug in providers.CONVENTIONS} <= providers.SLUGS
    assert set(providers.FIRST_PARTIES) <= providers.SLUGS
    assert providers.SLUGS >= providers.NAMED_ONLY
    assert not providers.NAMED_ONLY & set(providers.FIRST_PARTIES)


@pytest.mark.parametrize(
    "name", ["", "meta-llama", "deepseek-ai", "elevenlabs", "replicate", "custom-", "custom--x", "custom-" + "x" * 64]
)
def test_who_cannot_answer_a_chat_call_is_no_provider(name: str) -> None:
    assert canonical_provider(name) is None


@pytest.mark.parametrize(
    ("name", "provider", "model"),
    [
        ("openai/gpt-4o", "openai", "gpt-4o"),
        ("google/gemini-2.5-pro", "google-ai-studio", "gemini-2.5-pro"),
        ("X-AI/grok-4", "grok", "grok-4"),
        ("openrouter/anthropic/claude", "openrouter", "anthropic/claude"),
        ("google-vertex-ai/google/gemini-2.5-pro", "google-vertex-ai", "google/gemini-2.5-pro"),
        ("workers-ai/@cf/meta/llama", "workers-ai", "@cf/meta/llama"),
        ("custom-acme/some/model", "custom-acme", "some/model"),
        ("groq/openai/gpt-oss-120b", "groq", "openai/gpt-oss-120b"),
    ],
)
def test_a_prefix_names_the_provider_and_is_cut_off_once(name: str, provider: str, model: str) -> None:
    assert infer(EMPTY, name) == (provider, model)


def test_a_prefix_wins_over_the_catalog() -> None:
    """Groq sells a model whose id is `openai/gpt-oss-120b`; who wants it there says `groq/` or sets `provider`."""
    owners = Owners({"openai/gpt-oss-120b": "groq"})
    assert infer(owners, "openai/gpt-oss-120b") == ("openai", "gpt-oss-120b")


def test_the_catalog_wins_over_conventions() -> None:
    owners = Owners({"deepseek-r1-distill-llama-70b": "groq"})
    assert infer(owners, "deepseek-r1-distill-llama-70b") == ("groq", "deepseek-r1-distill-llama-70b")


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("gpt-99", "openai"),
        ("GPT-99", "openai"),
        ("chatgpt-99-latest", "openai"),
        ("o1", "openai"),
        ("o3-mini", "openai"),
        ("o4", "openai"),
        ("ft:gpt-99:org::id", "openai"),
        ("claude-opus-99", "anthropic"),
        ("gemini-99-pro", "google-ai-studio"),
        ("grok-99", "grok"),
        ("mistral-large-99", "mistral"),
        ("codestral-99", "mistral"),
        ("magistral-99", "mistral"),
        ("ministral-99", "mistral"),
        ("devstral-99", "mistral"),
        ("pixtral-99", "mistral"),
        ("open-mistral-99", "mistral"),
        ("deepseek-99", "deepseek"),
        ("command-99", "cohere"),
        ("sonar", "perplexity-ai"),
        ("sonar-99", "perplexity-ai"),
        ("@cf/meta/llama-99", "workers-ai"),
        ("@hf/some/model", "workers-ai"),
    ],
)
def test_a_model_newer_than_the_catalog_is_known_by_its_makers_style(name: str, provider: str) -> None:
    assert infer(EMPTY, name) == (provider, name)


@pytest.mark.parametrize(
    "name", ["", "/", "openai/", "/gpt-4o", "meta-llama/llama-3", "llama-99", "o12", "o1x", "gptx", "elevenlabs/gpt-4o"]
)
def test_a_name_that_says_nothing_is_not_guessed(name: str) -> None:
    assert infer(EMPTY, name) is None


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("gpt-4o", "openai"),
        ("gpt-4o-2024-08-06", "openai"),
        ("claude-sonnet-4-5", "anthropic"),
        ("gemini-2.5-pro", "google-ai-studio"),
        ("llama-3.3-70b-versatile", "groq"),
        ("meta-llama/llama-4-scout-17b-16e-instruct", "groq"),
        ("llama3.1-8b", "cerebras"),
        ("deepseek-r1-distill-llama-70b", "groq"),
        ("@cf/meta/llama-3.1-8b-instruct", "workers-ai"),
        ("accounts/fireworks/models/glm-5p1", "fireworks"),
    ],
)
def test_the_real_catalog_tells_whose_a_bare_name_is(catalog: Catalog, name: str, provider: str) -> None:
    assert infer(catalog, name) == (provider, name)


def test_every_listed_model_is_reached_by_provider_and_id(catalog: Catalog) -> None:
    """What the list shows as `provider/id` can be sent back as it is."""
    astray = [
        model
        for model in catalog.all()
        if infer(catalog, f"{model.provider}/{model.id}") != (model.provider, model.id)
        or catalog.find(model.provider, model.id) is not model
    ]
    assert astray == []
