"""Our integers against the source's own calculator: for every priced model, the same dollar to the last digit."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Final

import pytest
from genai_prices import data_snapshot
from genai_prices.types import ModelInfo, Provider, TieredPrices, TimeOfDateConstraint, Usage

from tollhouse.catalog import shelves
from tollhouse.catalog.cost import bound, cost
from tollhouse.catalog.models import Catalog, Model
from tollhouse.catalog.prices import Price
from tollhouse.foundation.tokens import TokenUsage

NANOS_PER_USD: Final = 1_000_000_000

USAGES: Final = (
    TokenUsage(input=1, output=1),
    TokenUsage(input=12_347, cached=1_003, cache_write=2_011, output=777, reasoning=333),
    TokenUsage(input=128_001, cached=64_007, output=9),
    TokenUsage(input=200_000, cached=1, cache_write=1, output=1_001, reasoning=1_001),
    TokenUsage(input=272_001, cached=272_001, output=4_099),
)
"""On both sides of the thresholds in use, with odd counts that do not divide."""


def source_of(model: Model) -> tuple[Provider, ModelInfo]:
    """The source's own answer to the model's name, found by its own look-up."""
    name = model.id.rpartition("/")[2] if model.provider == "google-vertex-ai" else model.id
    return data_snapshot.get_snapshot().find_provider_model(name, None, shelves._SELLERS[model.provider], None)


def usd(model: Model, usage: TokenUsage, at: datetime) -> Decimal:
    provider, info = source_of(model)
    counted = Usage(
        input_tokens=usage.input,
        cache_read_tokens=usage.cached,
        cache_write_tokens=usage.cache_write,
        output_tokens=usage.output,
        output_reasoning_tokens=usage.reasoning,
    )
    return info.calc_price(counted, provider, genai_request_timestamp=at).total_price


def nanos(dollars: Decimal) -> int:
    return int((dollars * NANOS_PER_USD).to_integral_value(ROUND_CEILING))


def by_the_hour(info: ModelInfo) -> bool:
    return isinstance(info.prices, list) and any(
        isinstance(entry.constraint, TimeOfDateConstraint) for entry in info.prices
    )


def whole(info: ModelInfo, at: datetime) -> bool:
    """Whether every price of the source is a whole number of pico-USD."""
    for component in vars(info.get_prices(at)).values():
        amounts = (
            [component.base, *(t.price for t in component.tiers)]
            if isinstance(component, TieredPrices)
            else [component]
        )
        if any(amount is not None and amount * 1_000_000 % 1 for amount in amounts):
            return False
    return True


def priced(catalog: Catalog) -> Iterator[tuple[Model, Price, ModelInfo]]:
    for model in catalog.all():
        if model.price is not None:
            yield model, model.price, source_of(model)[1]


@pytest.fixture(scope="module")
def noon(today: date) -> datetime:
    return datetime.combine(today, time(12), UTC)


def test_every_exactly_priced_model_costs_what_the_source_says(catalog: Catalog, noon: datetime) -> None:
    """Rounded up once: equal to the source's exact sum rounded up, in thousands of pairs of model and usage."""
    compared = 0
    for model, price, info in priced(catalog):
        if by_the_hour(info) or not whole(info, noon):
            continue
        for usage in USAGES:
            compared += 1
            assert cost(price, usage) == nanos(usd(model, usage, noon)), (model, usage)
    assert compared > 4000


def test_counts_in_thousands_need_no_rounding_at_all(catalog: Catalog, noon: datetime) -> None:
    """A thousand tokens at a whole number of pico-USD are whole nano-USD, so here the two are equal as they are."""
    usage = TokenUsage(input=301_000, cached=50_000, cache_write=7_000, output=11_000, reasoning=3_000)
    for model, price, info in priced(catalog):
        if not by_the_hour(info) and whole(info, noon):
            assert cost(price, usage) == usd(model, usage, noon) * NANOS_PER_USD, model


def test_prices_finer_than_a_pico_dollar_are_charged_at_most_a_pico_dollar_a_token_more(
    catalog: Catalog, noon: datetime
) -> None:
    rounded = [entry for entry in priced(catalog) if not whole(entry[2], noon)]
    assert rounded
    for model, price, _ in rounded:
        for usage in USAGES:
            exact = usd(model, usage, noon) * NANOS_PER_USD
            assert exact <= cost(price, usage) <= exact + Decimal(usage.total) / 1000 + 1, (model, usage)


def test_a_price_by_the_hour_is_never_below_the_source_and_is_reached_in_some_hour(
    catalog: Catalog, noon: datetime
) -> None:
    hours = [noon + timedelta(hours=hour, minutes=30) for hour in range(24)]
    hourly = [entry for entry in priced(catalog) if by_the_hour(entry[2])]
    assert hourly
    for model, price, _ in hourly:
        for usage in USAGES:
            assert cost(price, usage) == max(nanos(usd(model, usage, at)) for at in hours), model


def test_what_we_would_hold_covers_what_the_source_would_charge(catalog: Catalog, noon: datetime) -> None:
    for model, price, _ in priced(catalog):
        usage = USAGES[1]
        assert bound(price, usage.input, usage.output) >= nanos(usd(model, usage, noon)), model
