"""Workers AI's list of models, as untidy as it comes."""

import json
from decimal import Decimal

import msgspec
import pytest

from tollhouse.cloudflare.api import ManagementError
from tollhouse.cloudflare.models import ModelPrice, WorkersModel, read_models


def page(*entries: object) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(entries).encode())


def test_a_complete_entry_is_read_with_exact_prices() -> None:
    [model] = read_models(
        page(
            {
                "id": "3e7b9c2a",
                "name": "@cf/meta/llama-3.1-8b-instruct",
                "description": "A model",
                "task": {"id": "c1", "name": "Text Generation", "description": ""},
                "tags": [],
                "properties": [
                    {"property_id": "context_window", "value": "7968"},
                    {
                        "property_id": "price",
                        "value": [
                            {"unit": "per M input tokens", "price": 0.282, "currency": "USD"},
                            {"unit": "per M output tokens", "price": 0.827, "currency": "USD"},
                        ],
                    },
                    {"property_id": "function_calling", "value": "true"},
                    {"property_id": "reasoning_effort", "value": {"levels": ["low"]}},
                ],
            }
        )
    )
    assert model == WorkersModel(
        name="@cf/meta/llama-3.1-8b-instruct",
        task="Text Generation",
        description="A model",
        context_window=7968,
        prices=(
            ModelPrice("per M input tokens", Decimal("0.282"), "USD"),
            ModelPrice("per M output tokens", Decimal("0.827"), "USD"),
        ),
    )
    assert model.chats


@pytest.mark.parametrize(
    ("properties", "window", "prices"),
    [
        (None, None, 0),
        ([], None, 0),
        ([{"property_id": "context_window", "value": 32000}], 32000, 0),
        ([{"property_id": "context_window", "value": "many"}], None, 0),
        ([{"property_id": "price", "value": "free"}], None, 0),
        ([{"property_id": "price", "value": [{"unit": "per step", "price": "1e-7"}]}], None, 1),
        ([{"property_id": "price"}], None, 0),
        ([{}], None, 0),
    ],
)
def test_missing_and_odd_properties_are_no_reason_to_lose_a_model(
    properties: object, window: int | None, prices: int
) -> None:
    [model] = read_models(page({"name": "@cf/x/y", "properties": properties}))
    assert (model.context_window, len(model.prices), model.chats) == (window, prices, False)


def test_entries_without_a_name_are_skipped() -> None:
    assert [model.name for model in read_models(page({}, 1, None, {"name": 3}, {"name": "@cf/x/y"}))] == ["@cf/x/y"]


def test_a_name_that_is_no_text_is_skipped() -> None:
    assert [model.name for model in read_models(msgspec.Raw(b'[{"name": "\xff"}, {"name": "@cf/x/y"}]'))] == ["@cf/x/y"]


def test_a_page_that_is_no_list_is_an_error_and_not_the_end() -> None:
    with pytest.raises(ManagementError):
        read_models(msgspec.Raw(b'{"models":[]}'))
