"""The catalog finds a model by any of its names, remembers a bounded number of them, and obeys the overrides."""

import json
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tollhouse.catalog import models
from tollhouse.catalog.models import Catalog, Model, load
from tollhouse.catalog.prices import Price, picos_per_token
from tollhouse.foundation.errors import StartupError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "prices.json"


def overridden(path: Path, today: date, *entries: dict[str, Any]) -> Catalog:
    path.write_text(json.dumps({"models": entries}))
    return load(path, today)


def found(catalog: Catalog, provider: str, model: str) -> Model:
    result = catalog.find(provider, model)
    assert result is not None, (provider, model)
    return result


def price(catalog: Catalog, provider: str, model: str) -> Price:
    result = found(catalog, provider, model).price
    assert result is not None, (provider, model)
    return result


def input_usd(catalog: Catalog, provider: str, model: str) -> Decimal:
    return Decimal(price(catalog, provider, model).rates_for(0).input) / 1_000_000


def test_a_model_is_found_by_its_id(catalog: Catalog) -> None:
    model = found(catalog, "openai", "gpt-4o")
    rates = price(catalog, "openai", "gpt-4o").rates_for(1)
    assert (model.id, model.provider, model.owned_by, model.context_window) == ("gpt-4o", "openai", "openai", 128_000)
    assert model.max_output_tokens is None
    assert (rates.input, rates.cached, rates.output) == tuple(map(picos_per_token, map(Decimal, ("2.5", "1.25", "10"))))


@pytest.mark.parametrize(
    ("provider", "name", "family"),
    [
        ("openai", "gpt-4o-2024-08-06", "gpt-4o"),
        ("openai", "GPT-4o", "gpt-4o"),
        ("openai", "ft:gpt-4o-2024-08-06:org::id", "ft:gpt-4o"),
        ("anthropic", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("azure-openai", "gpt-4o-2024-08-06", "gpt-4o"),
        ("google-vertex-ai", "gemini-2.5-pro", "google/gemini-2.5-pro"),
        ("baseten", "moonshotai/kimi-k3", "moonshotai/Kimi-K3"),
    ],
)
def test_a_varied_name_finds_its_family(catalog: Catalog, provider: str, name: str, family: str) -> None:
    model = found(catalog, provider, name)
    assert (model.provider, model.id) == (provider, family)
    assert model.price is not None


def test_the_longest_matching_family_is_not_mixed_up_with_a_shorter_one(catalog: Catalog) -> None:
    assert found(catalog, "openai", "gpt-4o-mini-2024-07-18").id == "gpt-4o-mini"


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("openai", "gpt-99"),
        ("openai", ""),
        ("nobody", "gpt-4o"),
        ("custom-acme", "gpt-4o"),
        ("parallel", "speed"),
        ("google-ai-studio", "claude-opus-4-5"),
        ("openrouter", "openai/gpt-4o:online"),
        ("openai", "gpt-4o-2024-08-06" + "x" * 200),
    ],
)
def test_what_is_not_known_is_not_found(catalog: Catalog, provider: str, name: str) -> None:
    assert catalog.find(provider, name) is None


def test_long_context_costs_more_above_its_threshold(catalog: Catalog) -> None:
    tiers = price(catalog, "google-ai-studio", "gemini-2.5-pro")
    assert tiers.rates_for(200_000).input < tiers.rates_for(200_001).input
    assert tiers.rates_for(200_000).output < tiers.rates_for(200_001).output


def test_models_with_fees_beside_tokens_are_listed_but_unpriced(catalog: Catalog) -> None:
    assert found(catalog, "perplexity-ai", "sonar").price is None
    assert found(catalog, "perplexity-ai", "sonar") in catalog.all()


def test_the_list_is_sorted_real_and_without_doubles(catalog: Catalog) -> None:
    names = [(model.provider, model.id.lower()) for model in catalog.all()]
    assert names == sorted(set(names))
    assert all(re.fullmatch(r"[A-Za-z0-9._:/@+-]{1,200}", model.id) for model in catalog.all())
    assert ("openai", "ft:gpt-4o") not in names
    assert ("openai", "text-embedding-3-small") not in names


def test_providers_are_those_of_the_list(catalog: Catalog) -> None:
    assert catalog.providers() == {model.provider for model in catalog.all()}
    assert {"openai", "anthropic", "workers-ai", "grok"} <= catalog.providers()
    assert "parallel" not in catalog.providers()


def test_the_maker_is_read_from_the_ids_of_hosts(catalog: Catalog) -> None:
    assert found(catalog, "workers-ai", "@cf/meta/llama-3.1-8b-instruct").owned_by == "meta"
    assert found(catalog, "groq", "meta-llama/llama-4-scout-17b-16e-instruct").owned_by == "meta-llama"
    assert found(catalog, "groq", "llama-3.3-70b-versatile").owned_by == "groq"
    assert found(catalog, "fireworks", "accounts/fireworks/models/glm-5p1").owned_by == "fireworks"


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("gpt-4o", "openai"),
        ("GPT-4O-2024-08-06", "openai"),
        ("gpt-oss-120b", "openai"),
        ("llama-3.3-70b-versatile", "groq"),
        ("openai/gpt-oss-120b", None),
        ("qwen/qwen3-coder", None),
        ("phi-4", None),
        ("nothing-like-it", None),
        ("gpt-4o" + "x" * 200, None),
    ],
)
def test_a_name_has_an_owner_if_a_maker_or_a_sole_host_sells_it(catalog: Catalog, name: str, owner: str | None) -> None:
    """`openai/gpt-oss-120b` is at Groq and at Baseten; `phi-4` only at Azure, which is never inferred."""
    assert catalog.provider_of(name) == owner


def test_what_is_remembered_about_callers_names_is_bounded(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "_REMEMBERED_NAMES", 8)
    small = Catalog(catalog._models, [], catalog._stock)
    for number in range(50):
        assert small.find("openai", f"gpt-4o-{number}") is None
        assert small.provider_of(f"no-such-{number}") is None
    assert small._family.cache_info().currsize == 8
    assert small._owner.cache_info().currsize == 8


def test_a_name_asked_for_again_is_not_matched_again(catalog: Catalog) -> None:
    fresh = Catalog(catalog._models, [], catalog._stock)
    assert fresh.find("openai", "gpt-4o-2024-08-06") is fresh.find("openai", "gpt-4o-2024-08-06")
    assert fresh._family.cache_info()[:2] == (1, 1)


def test_names_of_unknown_providers_are_not_remembered(catalog: Catalog) -> None:
    fresh = Catalog(catalog._models, [], catalog._stock)
    fresh.find("custom-acme", "x")
    assert fresh._family.cache_info().currsize == 0


def test_an_override_adds_a_model(path: Path, today: date) -> None:
    catalog = overridden(
        path,
        today,
        {
            "provider": "custom-acme",
            "id": "acme/7B",
            "context_window": 4096,
            "price": {"input": "0.25", "output": "1"},
        },
    )
    model = found(catalog, "custom-acme", "acme/7b")
    assert (model.id, model.name, model.owned_by) == ("acme/7B", "acme/7B", "acme")
    assert (model.context_window, model.max_output_tokens) == (4096, None)
    assert input_usd(catalog, "custom-acme", "acme/7B") == Decimal("0.25")
    assert model in catalog.all()
    assert "custom-acme" in catalog.providers()
    assert catalog.provider_of("acme/7b") == "custom-acme"


def test_an_override_changes_what_it_names_and_keeps_the_rest(path: Path, today: date, catalog: Catalog) -> None:
    changed = overridden(
        path,
        today,
        {"provider": "openai", "id": "gpt-4o", "name": "Ours", "owned_by": "us", "max_output_tokens": 16384},
    )
    model, plain = found(changed, "openai", "gpt-4o"), found(catalog, "openai", "gpt-4o")
    assert (model.name, model.owned_by, model.max_output_tokens) == ("Ours", "us", 16384)
    assert (model.price, model.context_window) == (plain.price, plain.context_window)


def test_an_override_of_a_family_holds_for_its_dated_names_but_not_at_other_providers(path: Path, today: date) -> None:
    catalog = overridden(path, today, {"provider": "openai", "id": "gpt-4o", "price": {"input": "7", "output": "8"}})
    assert input_usd(catalog, "openai", "gpt-4o-2024-08-06") == 7
    assert input_usd(catalog, "openai", "gpt-4o-mini") != 7
    assert input_usd(catalog, "azure-openai", "gpt-4o") != 7


def test_an_override_of_a_dated_name_starts_from_its_family(path: Path, today: date, catalog: Catalog) -> None:
    dated = overridden(path, today, {"provider": "openai", "id": "gpt-4o-2024-08-06", "max_output_tokens": 16384})
    model = found(dated, "openai", "GPT-4o-2024-08-06")
    assert (model.id, model.max_output_tokens) == ("gpt-4o-2024-08-06", 16384)
    assert model.price == found(catalog, "openai", "gpt-4o").price
    assert found(dated, "openai", "gpt-4o").max_output_tokens is None
    assert model in dated.all()


def test_an_override_prices_what_the_source_does_not(path: Path, today: date) -> None:
    entry = {"provider": "perplexity", "id": "sonar", "price": {"input": "1", "output": "1"}}
    assert input_usd(overridden(path, today, entry), "perplexity-ai", "sonar") == 1


def test_an_override_can_unprice(path: Path, today: date) -> None:
    catalog = overridden(path, today, {"provider": "openai", "id": "gpt-4o", "price": None})
    assert found(catalog, "openai", "gpt-4o").price is None
    assert found(catalog, "openai", "gpt-4o-2024-08-06").price is None


def test_a_removed_model_is_gone_with_its_dated_names(path: Path, today: date) -> None:
    catalog = overridden(path, today, {"provider": "openai", "id": "gpt-4o", "remove": True})
    assert catalog.find("openai", "gpt-4o") is None
    assert catalog.find("openai", "GPT-4o-2024-08-06") is None
    assert catalog.find("openai", "gpt-4o-mini") is not None
    assert "gpt-4o" not in {model.id for model in catalog.all() if model.provider == "openai"}
    assert catalog.provider_of("gpt-4o") is None


def test_a_removed_name_is_gone_although_its_family_stays(path: Path, today: date) -> None:
    catalog = overridden(path, today, {"provider": "openai", "id": "gpt-4o-2024-08-06", "remove": True})
    assert catalog.find("openai", "GPT-4o-2024-08-06") is None
    assert catalog.find("openai", "gpt-4o-2024-11-20") is not None


def test_a_bad_override_file_stops_the_start(path: Path, today: date) -> None:
    with pytest.raises(StartupError, match="Unknown provider"):
        overridden(path, today, {"provider": "nobody", "id": "x"})


def test_the_version_names_the_source_and_stays_the_same_for_the_same_prices(catalog: Catalog, today: date) -> None:
    assert re.fullmatch(r"genai-prices-\d+\.\d+\.\d+\+[0-9a-f]{8}", catalog.version)
    assert load(None, today).version == catalog.version


def test_the_version_changes_with_any_price_and_with_nothing_else(path: Path, today: date, catalog: Catalog) -> None:
    entry = {"provider": "openai", "id": "gpt-4o"}
    versions = [
        overridden(path, today, entry | {"name": "Other"}).version,
        overridden(path, today, entry | {"price": {"input": "2.5", "output": "10", "cached": "1.25"}}).version,
        overridden(path, today, entry | {"price": {"input": "2.5", "output": "10"}}).version,
        overridden(path, today, entry | {"price": None}).version,
    ]
    assert versions[:2] == [catalog.version, catalog.version]
    assert len({catalog.version, *versions[2:]}) == 3


def test_a_price_that_changes_with_the_day_changes_the_version(catalog: Catalog) -> None:
    assert load(None, date(2025, 1, 1)).version != catalog.version
