"""The source's prices become integer rates, and what cannot be bounded by counting tokens becomes unpriced."""

from datetime import UTC, date, time
from decimal import Decimal
from typing import Any

import pytest
from genai_prices.types import (
    ClauseContains,
    ClauseEquals,
    ClauseOr,
    ClauseStartsWith,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)

from tollhouse.catalog.prices import Price, Rates
from tollhouse.catalog.shelves import Shelf, price_of, real_id, shelves
from tollhouse.foundation.money import PicosPerToken

TODAY = date(2026, 11, 23)
NIGHT = TimeOfDateConstraint(time(22, tzinfo=UTC), time(6, tzinfo=UTC))
MORNING = TimeOfDateConstraint(time(6, tzinfo=UTC), time(10, tzinfo=UTC))


def rates(above: int, *picos: int) -> Rates:
    return Rates(above, *map(PicosPerToken, picos))


def flat(*picos: int) -> Price:
    return Price((rates(0, *picos),))


def usd(**components: str | TieredPrices) -> ModelPrice:
    return ModelPrice(**{key: Decimal(value) if isinstance(value, str) else value for key, value in components.items()})


def tiered(base: str, *tiers: tuple[int, str]) -> TieredPrices:
    return TieredPrices(base=Decimal(base), tiers=[Tier(start, Decimal(price)) for start, price in tiers])


def model(
    prices: ModelPrice | list[ConditionalPrice], model_id: str = "m", match: Any = None, **more: Any
) -> ModelInfo:
    return ModelInfo(id=model_id, match=match or ClauseEquals(model_id), prices=prices, **more)


def seller(models: list[ModelInfo], provider_id: str = "acme", **more: Any) -> Provider:
    return Provider(id=provider_id, name=provider_id, api_pattern="", models=models, **more)


CHEAP = usd(input_mtok="1", output_mtok="2")
DEAR = usd(input_mtok="3", output_mtok="4")


def test_each_class_has_its_own_rate() -> None:
    prices = usd(
        input_mtok="2.5",
        output_mtok="10",
        cache_read_mtok="0.25",
        cache_write_mtok="3.125",
        output_reasoning_mtok="12",
    )
    assert price_of(model(prices), TODAY) == flat(2_500_000, 250_000, 3_125_000, 10_000_000, 12_000_000)


def test_a_class_without_a_rate_costs_what_its_whole_costs() -> None:
    assert price_of(model(CHEAP), TODAY) == flat(1_000_000, 1_000_000, 1_000_000, 2_000_000, 2_000_000)


def test_an_explicit_zero_is_free() -> None:
    assert price_of(model(usd(input_mtok="0", output_mtok="0")), TODAY) == flat(0, 0, 0, 0, 0)


def test_tiers_of_all_classes_are_laid_over_each_other() -> None:
    prices = usd(
        input_mtok=tiered("1", (1000, "2"), (9000, "5")),
        output_mtok=tiered("3", (5000, "4")),
        cache_read_mtok="0.5",
    )
    assert price_of(model(prices), TODAY) == Price(
        (
            rates(0, 1_000_000, 500_000, 1_000_000, 3_000_000, 3_000_000),
            rates(1000, 2_000_000, 500_000, 2_000_000, 3_000_000, 3_000_000),
            rates(5000, 2_000_000, 500_000, 2_000_000, 4_000_000, 4_000_000),
            rates(9000, 5_000_000, 500_000, 5_000_000, 4_000_000, 4_000_000),
        )
    )


@pytest.mark.parametrize(
    "prices",
    [
        pytest.param(usd(), id="no components: free or unknown, nobody can tell"),
        pytest.param(usd(input_mtok="1"), id="no output"),
        pytest.param(usd(output_mtok="1"), id="no input"),
        pytest.param(usd(audio_hours="3"), id="by the hour only"),
        pytest.param(usd(input_mtok="1", output_mtok="2", requests_kcount="12"), id="a fee per request"),
        pytest.param(usd(input_mtok="1", output_mtok="2", output_image_mtok="30"), id="painted answers"),
        pytest.param(usd(input_mtok="1", output_mtok="2", output_audio_mtok="64"), id="spoken answers"),
        pytest.param(usd(input_mtok="1", output_mtok="2", output_citation_mtok="2"), id="citations"),
        pytest.param(usd(input_mtok="1", output_mtok="2", unheard_of="1"), id="a component of tomorrow"),
    ],
)
def test_what_cannot_be_bounded_is_unpriced(prices: ModelPrice) -> None:
    assert price_of(model(prices), TODAY) is None


@pytest.mark.parametrize("component", ["input_audio_mtok", "web_searches_kcount", "cache_write_1h_mtok"])
def test_prices_of_what_the_door_refuses_do_not_hide_the_price_of_text(component: str) -> None:
    prices = usd(**{"input_mtok": "1", "output_mtok": "2", component: "99"})
    assert price_of(model(prices), TODAY) == price_of(model(CHEAP), TODAY)


@pytest.mark.parametrize("name", ["sonar-pro-search", "perplexity/sonar", "gpt-4o-search-preview", "o3-deep-research"])
def test_models_that_search_on_their_own_account_are_unpriced(name: str) -> None:
    assert price_of(model(CHEAP, name), TODAY) is None


def test_variants_that_a_request_would_have_to_ask_for_are_ignored() -> None:
    fast = PriceVariant(when={"service_tier": "priority"}, prices=DEAR)
    assert price_of(model(CHEAP, price_variants=[fast]), TODAY) == price_of(model(CHEAP), TODAY)


def since(day: date, prices: ModelPrice) -> ConditionalPrice:
    return ConditionalPrice(StartDateConstraint(day), prices=prices)


def test_a_new_price_holds_from_its_first_day_on() -> None:
    change = model([ConditionalPrice(prices=CHEAP), since(TODAY, DEAR)])
    assert price_of(change, date(2026, 11, 22)) == price_of(model(CHEAP), TODAY)
    assert price_of(change, TODAY) == price_of(model(DEAR), TODAY)


def test_the_first_price_holds_when_none_has_begun() -> None:
    early = model([since(date(2027, 1, 1), CHEAP), since(date(2028, 1, 1), DEAR)])
    assert price_of(early, TODAY) == price_of(model(CHEAP), TODAY)


def test_a_model_without_any_price_is_unpriced() -> None:
    assert price_of(model([]), TODAY) is None


def test_a_price_by_the_hour_is_the_dearer_of_each_class_all_day() -> None:
    night = usd(input_mtok="0.5", output_mtok="9", cache_read_mtok="0.1")
    morning = usd(input_mtok="4", output_mtok="1", cache_read_mtok="0.2")
    by_hour = model(
        [
            ConditionalPrice(prices=usd(input_mtok="50", output_mtok="50")),
            since(date(2026, 1, 1), CHEAP),
            ConditionalPrice(NIGHT, prices=night),
            ConditionalPrice(MORNING, prices=morning),
        ]
    )
    assert price_of(by_hour, TODAY) == flat(4_000_000, 1_000_000, 4_000_000, 9_000_000, 9_000_000)


def test_a_price_by_the_hour_keeps_the_tiers_of_each_hour() -> None:
    night = usd(input_mtok=tiered("0.5", (1000, "8")), output_mtok="1")
    by_hour = model([ConditionalPrice(prices=CHEAP), ConditionalPrice(NIGHT, prices=night)])
    assert price_of(by_hour, TODAY) == Price(
        (
            rates(0, 1_000_000, 1_000_000, 1_000_000, 2_000_000, 2_000_000),
            rates(1000, 8_000_000, 8_000_000, 8_000_000, 2_000_000, 2_000_000),
        )
    )


def test_an_hour_of_unknown_price_makes_the_model_unpriced() -> None:
    by_hour = model([ConditionalPrice(prices=CHEAP), ConditionalPrice(NIGHT, prices=usd(requests_kcount="1"))])
    assert price_of(by_hour, TODAY) is None


def test_the_name_to_call_is_the_id_or_else_the_first_one_spelled_out() -> None:
    assert real_id(model(CHEAP, "gpt-9")) == "gpt-9"
    assert (
        real_id(model(CHEAP, "glm", ClauseEquals("accounts/fireworks/models/glm"))) == "accounts/fireworks/models/glm"
    )
    either = ClauseOr([ClauseStartsWith("ai.glm-2"), ClauseEquals("ai.glm"), ClauseEquals("glm-latest")])
    assert real_id(model(CHEAP, "glm", either)) == "ai.glm"
    assert real_id(model(CHEAP, "glm", ClauseContains("eu.glm"))) is None


@pytest.mark.parametrize(
    ("name", "prices", "listed"),
    [
        ("gpt-9", CHEAP, True),
        ("gpt-9:free", usd(), True),
        ("gpt-9", usd(input_mtok="1", output_mtok="1", requests_kcount="12"), True),
        ("embed", usd(input_mtok="1"), False),
        ("whisper", usd(audio_hours="1"), False),
        ("ft:gpt-9", CHEAP, False),
        ("gpt-9-", CHEAP, False),
        ("regional.gpt-9", CHEAP, False),
        ("~acme/latest", CHEAP, False),
        ("x" * 201, CHEAP, False),
    ],
)
def test_only_names_that_may_answer_a_chat_call_are_listed(name: str, prices: ModelPrice, listed: bool) -> None:
    shelf = Shelf("groq", seller([model(prices, name)]), [], TODAY)
    assert [offer.listed for offer in shelf.offers] == [listed]


def test_a_family_nobody_spells_out_is_matched_but_not_listed() -> None:
    shelf = Shelf("aws-bedrock", seller([model(CHEAP, "regional.nova", ClauseContains("eu.nova"))]), [], TODAY)
    assert [(offer.id, offer.listed) for offer in shelf.offers] == [("regional.nova", False)]
    assert shelf.family("eu.nova-v1:0") == "regional.nova"


def test_borrowed_models_are_matched_but_not_listed() -> None:
    maker = seller([model(DEAR, "gpt-9", ClauseStartsWith("gpt-9"))], "openai")
    azure = seller([model(CHEAP, "phi")], "azure", fallback_model_providers=["openai"])
    shelf = Shelf("azure-openai", azure, [azure, maker, seller([model(CHEAP, "other")])], TODAY)
    assert [(offer.id, offer.listed) for offer in shelf.offers] == [("phi", True), ("gpt-9", False)]
    assert shelf.family("gpt-9-2027-01-01") == "gpt-9"
    assert shelf.family("other") is None


def test_an_offer_is_called_by_its_name_or_else_by_its_id() -> None:
    named, nameless = Shelf("groq", seller([model(CHEAP, "a", name="Ay"), model(CHEAP, "b")]), [], TODAY).offers
    assert (named.name, nameless.name) == ("Ay", "b")


def test_ai_studio_sells_no_claude_but_vertex_does_under_its_publisher() -> None:
    stock = shelves(TODAY)
    studio, vertex = stock["google-ai-studio"], stock["google-vertex-ai"]
    assert studio.family("gemini-2.5-pro") == "gemini-2.5-pro"
    assert studio.family("claude-opus-4-5") is None
    assert not any("claude" in offer.id for offer in studio.offers)
    assert vertex.family("gemini-2.5-pro") == vertex.family("google/gemini-2.5-pro") == "google/gemini-2.5-pro"
    assert vertex.family("anthropic/claude-opus-4-5@20251101") == "anthropic/claude-opus-4-5"
    assert all(offer.id.startswith(("google/", "anthropic/")) for offer in vertex.offers)


def test_no_provider_offers_two_models_under_one_listed_name() -> None:
    for slug, shelf in shelves(TODAY).items():
        names = [offer.id.lower() for offer in shelf.offers if offer.listed]
        assert len(names) == len(set(names)), slug


def test_no_rate_of_the_source_is_negative() -> None:
    """OpenRouter once marked variable prices by -1; a negative rate would pay the caller."""
    tiers = [
        tier for shelf in shelves(TODAY).values() for offer in shelf.offers if offer.price for tier in offer.price.tiers
    ]
    lowest = min(min(tier.input, tier.cached, tier.cache_write, tier.output, tier.reasoning) for tier in tiers)
    assert len(tiers) > 1000
    assert lowest >= 0
