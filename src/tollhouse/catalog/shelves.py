"""What each provider sells, read from the `genai-prices` package: the only file that knows it.

Its data becomes integer rates here, once, at start: its calculator is a thousand times slower than a look-up.
Its rules for matching names stay in use, so that dated variants (`gpt-4o-2024-08-06`) find their family.

What cannot be bounded by counting tokens is unpriced rather than priced too low:
- fees per request, and models that search the web on their own account (`sonar`, deep research);
- answers whose tokens have several prices (spoken, painted): the count does not say which they were;
- no price for input or for output, or a component nobody here has thought about;
- no components at all, which the source uses for "free" as well as for "unknown".
An override prices them. `price_variants` (batch, flex, priority, fast, regional routes) are ignored: the door has
to see to it that no call asks for them, so that the standard price is what is charged.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Final

import genai_prices
from genai_prices import data_snapshot
from genai_prices.types import (
    ClauseEquals,
    ClauseOr,
    ModelInfo,
    ModelPrice,
    Provider,
    TieredPrices,
    TimeOfDateConstraint,
)

from tollhouse.catalog.prices import Price, Rates, dearest_of, picos_per_token

SOURCE_VERSION: Final = f"genai-prices-{genai_prices.__version__}"

_SELLERS: Final = {
    "anthropic": "anthropic",
    "aws-bedrock": "aws",
    "azure-openai": "azure",
    "baseten": "baseten",
    "cerebras": "cerebras",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "fireworks": "fireworks",
    "google-ai-studio": "google",
    "google-vertex-ai": "google",
    "grok": "x-ai",
    "groq": "groq",
    "mistral": "mistral",
    "openai": "openai",
    "openrouter": "openrouter",
    "perplexity-ai": "perplexity",
    "workers-ai": "cloudflare",
}
"""Cloudflare's slug to the source's provider. Providers that Cloudflare has no chat path for are left out."""

_RATED: Final = frozenset({"input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok", "output_reasoning_mtok"})
_NOT_IN_A_TEXT_CALL: Final = frozenset(
    {
        # Writes to a cache of one hour. A caller can ask for them in an OpenAI-shaped call
        # (`cache_control.ttl`, which OpenRouter documents), but usage does not say which write it was. So
        # the door has to take `ttl` out, and a write costs what it costs by default, for five minutes.
        "cache_write_1h_mtok",
        # Content and tools that the door has to refuse where money counts.
        "audio_hours",
        "cache_audio_read_mtok",
        "cache_image_read_mtok",
        "input_audio_hours",
        "input_audio_mtok",
        "input_image_mtok",
        "input_video_mtok",
        "storage_searches_kcount",
        "web_searches_kcount",
    }
)
_SEARCHES_BY_ITSELF: Final = re.compile(r"sonar|deep-research|-search-(api|preview)")

_FAMILY: Final = re.compile(r"^ft:|^regional\.|-$")
_REAL_ID: Final = re.compile(r"[A-Za-z0-9._:/@+-]{1,200}")

Component = Decimal | TieredPrices


@dataclass(frozen=True, slots=True)
class Offer:
    """One model of one provider. `listed` is False for what can be matched but is no name to call."""

    id: str
    name: str
    context_window: int | None
    price: Price | None
    listed: bool


class Shelf:
    """The offers of one Cloudflare provider, and the source's rules for which offer a name means."""

    def __init__(self, slug: str, provider: Provider, everyone: list[Provider], today: date) -> None:
        self._slug = slug
        self._provider = provider
        self._everyone = everyone
        self.offers = tuple(self._stock(today))

    def family(self, name: str) -> str | None:
        """The id of the offer that a name stands for."""
        info = self._provider.find_model(_without_publisher(self._slug, name), all_providers=self._everyone)
        return None if info is None else self._id(info)

    def _stock(self, today: date) -> Iterator[Offer]:
        for info in self._provider.models:
            yield self._offer(info, today, listed=True)
        for info in self._borrowed():
            yield self._offer(info, today, listed=False)

    def _borrowed(self) -> Iterator[ModelInfo]:
        """Models of others that this provider sells at their makers' prices (Azure: OpenAI's)."""
        lenders = self._provider.fallback_model_providers or ()
        for lender in self._everyone:
            if lender.id in lenders:
                yield from lender.models

    def _offer(self, info: ModelInfo, today: date, *, listed: bool) -> Offer:
        return Offer(
            id=self._id(info),
            name=info.name or info.id,
            context_window=info.context_window,
            price=price_of(info, today),
            listed=listed and _callable(info, today),
        )

    def _id(self, info: ModelInfo) -> str:
        return _with_publisher(self._slug, real_id(info) or info.id)


def shelves(today: date) -> Mapping[str, Shelf]:
    """The shelf of every provider, by Cloudflare's slug, at the prices of that UTC day."""
    everyone = data_snapshot.get_snapshot().providers
    by_id = {provider.id: provider for provider in everyone}
    return {slug: Shelf(slug, _seller(slug, by_id[source]), everyone, today) for slug, source in _SELLERS.items()}


def price_of(info: ModelInfo, today: date) -> Price | None:
    """The price of a model on that UTC day; None: unpriced."""
    if _SEARCHES_BY_ITSELF.search(info.id):
        return None
    met = [_compiled(prices) for prices in _met_on(info, today)]
    known = [price for price in met if price is not None]
    return _dearest(known) if known and len(known) == len(met) else None


def real_id(info: ModelInfo) -> str | None:
    """The name to call a model by: its id if its own rules accept it, else the first that they spell out.

    Some ids of the source are no names but families (`ft:gpt-4o`, `regional.anthropic...`) or short for one
    (`deepseek-v3p2` for Fireworks' `accounts/fireworks/models/deepseek-v3p2`).
    """
    if info.is_match(info.id):
        return info.id
    clauses = info.match.or_ if isinstance(info.match, ClauseOr) else [info.match]
    return next((clause.equals for clause in clauses if isinstance(clause, ClauseEquals)), None)


def _callable(info: ModelInfo, today: date) -> bool:
    """Whether a chat call could name this model: a real name, and not known to give no answer in tokens."""
    name = real_id(info)
    if name is None or _FAMILY.search(name) or not _REAL_ID.fullmatch(name):
        return False
    return all(not components or "output_mtok" in components for components in map(_components, _met_on(info, today)))


def _seller(slug: str, provider: Provider) -> Provider:
    """AI Studio sells Google's own models; the source's `google` also lists what only Vertex has."""
    if slug != "google-ai-studio":
        return provider
    own = [info for info in provider.models if not info.id.startswith("claude")]
    return replace(provider, models=own, fallback_model_providers=None)


def _with_publisher(slug: str, name: str) -> str:
    """Vertex names models `publisher/model` on the unified path."""
    if slug != "google-vertex-ai":
        return name
    return f"anthropic/{name}" if name.startswith("claude") else f"google/{name}"


def _without_publisher(slug: str, name: str) -> str:
    return name.rpartition("/")[2] if slug == "google-vertex-ai" else name


def _met_on(info: ModelInfo, today: date) -> list[ModelPrice]:
    """Every standard price that a call may meet in the course of that day, by the source's rule.

    That is: the last active one wins, and the first if none is. One that depends on the hour wins for a
    while and lets those before it win for the rest.
    """
    if isinstance(info.prices, ModelPrice):
        return [info.prices]
    midnight = datetime.combine(today, time(), UTC)
    met = []
    for entry in reversed(info.prices):
        if isinstance(entry.constraint, TimeOfDateConstraint):
            met.append(entry.prices)
        elif entry.constraint is None or entry.constraint.active(midnight):
            return [*met, entry.prices]
    return met + [entry.prices for entry in info.prices[:1]]


def _dearest(prices: list[Price]) -> Price:
    """One price for a model whose price depends on the hour (DeepSeek): of each rate the dearer.

    Above the bill in cheap hours, and known to be. Whether a provider counts the hour in which a call starts
    or ends is not for us to know, and a charge below the bill would break the budgets' promise.
    """
    thresholds = sorted({tier.above_input_tokens for price in prices for tier in price.tiers})
    return Price(tuple(dearest_of(at, [price.rates_for(at + 1) for price in prices]) for at in thresholds))


def _compiled(prices: ModelPrice) -> Price | None:
    components = _components(prices)
    if not {"input_mtok", "output_mtok"} <= components.keys() <= _RATED | _NOT_IN_A_TEXT_CALL:
        return None
    return Price(tuple(_rates(components, at) for at in _thresholds(components)))


def _components(prices: ModelPrice) -> dict[str, Component]:
    return {key: component for key, component in vars(prices).items() if component is not None}


def _thresholds(components: Mapping[str, Component]) -> list[int]:
    tiered = [components[key] for key in _RATED & components.keys()]
    starts = {tier.start for component in tiered if isinstance(component, TieredPrices) for tier in component.tiers}
    return sorted({0} | starts)


def _rates(components: Mapping[str, Component], above: int) -> Rates:
    rate = {key: picos_per_token(_usd(components[key], above)) for key in _RATED & components.keys()}
    return Rates(
        above_input_tokens=above,
        input=rate["input_mtok"],
        cached=rate.get("cache_read_mtok", rate["input_mtok"]),
        cache_write=rate.get("cache_write_mtok", rate["input_mtok"]),
        output=rate["output_mtok"],
        reasoning=rate.get("output_reasoning_mtok", rate["output_mtok"]),
    )


def _usd(component: Component, above: int) -> Decimal:
    """USD per million tokens just above a threshold."""
    if isinstance(component, Decimal):
        return component
    passed = [tier.price for tier in component.tiers if tier.start <= above]
    return passed[-1] if passed else component.base
