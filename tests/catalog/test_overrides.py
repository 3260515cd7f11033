"""The override file is read exactly or not at all; a refusal is one line that names file, entry and field."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET

from tollhouse.catalog.overrides import Override, read
from tollhouse.catalog.prices import Price, Rates
from tollhouse.foundation.errors import StartupError
from tollhouse.foundation.money import PicosPerToken


def rates(above: int, *picos: int) -> Rates:
    return Rates(above, *map(PicosPerToken, picos))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "prices.json"


def written(path: Path, *models: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"models": models}))
    return path


def entry(**fields: Any) -> dict[str, Any]:
    return {"provider": "openai", "id": "my-ft"} | fields


def priced(**amounts: Any) -> dict[str, Any]:
    return entry(price={"input": "1", "output": "2"} | amounts)


def only_price(path: Path) -> object:
    (override,) = read(path)
    return override.price


def test_what_an_entry_does_not_mention_is_unset(path: Path) -> None:
    assert read(written(path, entry())) == (
        Override("openai", "my-ft", UNSET, UNSET, UNSET, UNSET, UNSET, remove=False),
    )


def test_everything_that_can_be_said_is_read_in_order(path: Path) -> None:
    first = entry(provider="xai", name="Mine", owned_by="us", context_window=32768, max_output_tokens=4096, price=None)
    second = {"provider": "custom-acme", "id": "acme/7b", "remove": True}
    assert read(written(path, first, second)) == (
        Override("grok", "my-ft", "Mine", "us", 32768, 4096, None, remove=False),
        Override("custom-acme", "acme/7b", UNSET, UNSET, UNSET, UNSET, UNSET, remove=True),
    )


def test_a_class_without_an_amount_costs_what_its_whole_costs(path: Path) -> None:
    assert only_price(written(path, priced(cached=None))) == Price(
        (rates(0, 1_000_000, 1_000_000, 1_000_000, 2_000_000, 2_000_000),)
    )


def test_tiers_stand_alone_and_do_not_inherit_from_the_base(path: Path) -> None:
    tiers = [
        {"above_input_tokens": 200_000, "input": "2", "output": "3"},
        {"above_input_tokens": 500_000, "input": "4", "output": "5", "cached": "0.4", "reasoning": "6"},
    ]
    given = priced(cached="0.1", cache_write="1.25", reasoning="2.5", tiers=tiers)
    assert only_price(written(path, given)) == Price(
        (
            rates(0, 1_000_000, 100_000, 1_250_000, 2_000_000, 2_500_000),
            rates(200_000, 2_000_000, 2_000_000, 2_000_000, 3_000_000, 3_000_000),
            rates(500_000, 4_000_000, 400_000, 4_000_000, 5_000_000, 6_000_000),
        )
    )


@pytest.mark.parametrize(
    ("amount", "picos"),
    [
        ('"0.25"', 250_000),
        ("0.25", 250_000),
        ("3", 3_000_000),
        ("0", 0),
        ("1e-6", 1),
        ("0.1000000", 100_000),
        ("0.285", 285_000),
        ("1000000", 10**12),
    ],
)
def test_an_amount_is_read_exactly_as_text_or_as_a_number(path: Path, amount: str, picos: int) -> None:
    """`0.285 * 1_000_000` is 284999.99... as a float."""
    path.write_text(
        f'{{"models": [{{"provider": "xai", "id": "x", "price": {{"input": {amount}, "output": {amount}}}}}]}}'
    )
    assert only_price(path) == Price((rates(0, picos, picos, picos, picos, picos),))


def refusal(path: Path) -> str:
    with pytest.raises(StartupError) as refused:
        read(path)
    message = str(refused.value)
    assert message.startswith(f"price overrides {path}: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("bad", "what", "where"),
    [
        (entry(provider="nobody"), "Unknown provider", "$.models[1].provider"),
        (entry(provider=7), "Expected `str`, got `int`", "$.models[1].provider"),
        (entry(id="no spaces"), "matching regex", "$.models[1].id"),
        (entry(id=""), "matching regex", "$.models[1].id"),
        (entry(id="x\n"), "matching regex", "$.models[1].id"),
        ({"provider": "openai"}, "missing required field `id`", "$.models[1]"),
        (entry(prise=None), "unknown field `prise`", "$.models[1]"),
        (entry(name=""), "length >= 1", "$.models[1].name"),
        (entry(context_window=0), "`int` >= 1", "$.models[1].context_window"),
        (entry(max_output_tokens="many"), "Expected `int | null`", "$.models[1].max_output_tokens"),
        (entry(remove="yes"), "Expected `bool`", "$.models[1].remove"),
        (entry(remove=True, price=None), "no other fields", "$.models[1].remove"),
        (entry(price={"input": "1"}), "missing required field `output`", "$.models[1].price"),
        (priced(inputs="1"), "unknown field `inputs`", "$.models[1].price"),
        (priced(input=True), "Expected `decimal`", "$.models[1].price.input"),
        (priced(output="cheap"), "Invalid decimal", "$.models[1].price.output"),
        (priced(output=None), "Expected `decimal`", "$.models[1].price.output"),
        (priced(input="-1"), "0 to 1000000", "$.models[1].price.input"),
        (priced(cached="NaN"), "0 to 1000000", "$.models[1].price.cached"),
        (priced(cache_write="Infinity"), "0 to 1000000", "$.models[1].price.cache_write"),
        (priced(reasoning="1000000.1"), "0 to 1000000", "$.models[1].price.reasoning"),
        (priced(reasoning="1e999999999"), "0 to 1000000", "$.models[1].price.reasoning"),
        (priced(cached="0.0000001"), "six decimals", "$.models[1].price.cached"),
        (priced(cached="1e-999999999"), "six decimals", "$.models[1].price.cached"),
        (priced(tiers=[{"input": "1", "output": "1"}]), "`above_input_tokens`", "$.models[1].price.tiers[0]"),
        (
            priced(tiers=[{"above_input_tokens": 0, "input": "1", "output": "1"}]),
            "`int` >= 1",
            "$.models[1].price.tiers[0].above_input_tokens",
        ),
        (
            priced(tiers=[{"above_input_tokens": 9, "input": "1", "output": "1"}] * 2),
            "Tiers must ascend",
            "$.models[1].price.tiers[1].above_input_tokens",
        ),
        (
            priced(tiers=[{"above_input_tokens": 9, "input": "1", "output": "-1"}]),
            "0 to 1000000",
            "$.models[1].price.tiers[0].output",
        ),
        (entry(id="FINE", provider="groq"), "A second entry for FINE of groq", "$.models[1]"),
    ],
)
def test_a_bad_entry_stops_the_start_and_is_named(path: Path, bad: dict[str, Any], what: str, where: str) -> None:
    fine = {"provider": "groq", "id": "fine"}
    message = refusal(written(path, fine, bad))
    assert what in message
    assert message.endswith(f"- at `{where}`")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "truncated"),
        (b'{"models": [', "truncated"),
        (b"{'models': []}", "malformed"),
        (b'{"models": [{"provider": "\xff"}]}', "utf-8"),
        (b"[]", "Expected `object`"),
        (b"{}", "missing required field `models`"),
        (b'{"models": [], "version": 1}', "unknown field `version`"),
        (b'{"models": [{"provider": "openai", "id": "x", "price": {"input": NaN, "output": 1}}]}', "malformed"),
    ],
)
def test_what_is_no_such_file_at_all_stops_the_start(path: Path, content: bytes, what: str) -> None:
    path.write_bytes(content)
    assert what.lower() in refusal(path).lower()


def test_a_missing_file_stops_the_start(path: Path) -> None:
    assert "No such file" in refusal(path)
