"""The bound: never below what a call can cost, and cut only where the caller left room to cut."""

import json
import unicodedata
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollhouse.access.permits import BoundPolicy
from tollhouse.catalog.cost import bound, cost
from tollhouse.catalog.models import Model
from tollhouse.catalog.prices import Price, Rates
from tollhouse.foundation.errors import BadRequest
from tollhouse.foundation.money import Nanos, PicosPerToken
from tollhouse.foundation.tokens import usage_from_counts
from tollhouse.gateway.calls import ChatRequest, read_chat
from tollhouse.gateway.estimate import (
    IMAGE_TOKENS,
    NORMALISED_PIECE,
    SAFETY_OUTPUT_TOKENS,
    SHORTEST_ANSWER,
    SHORTEST_REASONED_ANSWER,
    Estimate,
    affordable_tokens,
    estimate,
    fit,
    normalised_pieces,
)


def rates(above: int, scale: int) -> Rates:
    prices = [PicosPerToken(price * scale) for price in (150_000, 75_000, 190_000, 600_000, 600_000)]
    return Rates(above, *prices)


PRICE = Price((rates(0, 1), rates(200_000, 2)))


def model(window: int | None = 128_000, most: int | None = None, price: Price | None = PRICE) -> Model:
    return Model("m", "openai", "openai", "M", window, most, price)


async def chat(**fields: Any) -> ChatRequest:
    given = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]} | fields
    return await read_chat(json.dumps(given, ensure_ascii=False).encode())


async def made(
    *, policy: BoundPolicy = "clamp_if_unset", of: Model | None = None, default_max: int = 4096, **fields: Any
) -> Estimate:
    asked = await chat(**fields)
    encoded = msgspec.json.encode(asked.body)
    return estimate(asked, of or model(), len(encoded), policy=policy, default_max=default_max, price_version="v")


async def test_the_amount_is_the_bound_of_prompt_bytes_and_cap() -> None:
    found = await made(max_tokens=100)
    assert found.output_tokens == 100
    assert found.amount == bound(PRICE, found.input_tokens, 100 + SAFETY_OUTPUT_TOKENS)
    assert found.floor == found.amount


@given(text=st.text(max_size=400), roles=st.integers(1, 8))
async def test_input_tokens_are_at_least_the_bytes_of_the_text(text: str, roles: int) -> None:
    messages = [{"role": "user", "content": text}] * roles
    found = await made(messages=messages, of=model(window=None))
    assert found.input_tokens >= roles * (len(text.encode("utf-8", "surrogatepass")) + 16) + 64


@given(text=st.text(max_size=2_000))
def test_pieces_add_at_least_what_normalising_the_whole_adds(text: str) -> None:
    encoded = text.encode("utf-8", "replace")
    whole = unicodedata.normalize("NFKC", encoded.decode())
    assert len(encoded) + sum(normalised_pieces(encoded)) >= len(whole.encode())


def test_a_character_that_grows_eleven_times_is_counted() -> None:
    assert sum(normalised_pieces("ﷺ".encode() * NORMALISED_PIECE)) == 30 * NORMALISED_PIECE


async def test_the_context_window_caps_the_input() -> None:
    found = await made(messages=[{"role": "user", "content": "x" * 50_000}], of=model(window=8_000))
    assert found.input_tokens == 8_000


async def test_choices_multiply_the_output() -> None:
    four = await made(max_tokens=100, n=4)
    assert four.amount == bound(PRICE, four.input_tokens, 400 + SAFETY_OUTPUT_TOKENS)


async def test_tools_are_bytes_and_a_hidden_prompt() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    plain, with_tools = await made(), await made(tools=[tool, tool])
    assert with_tools.input_tokens - plain.input_tokens >= 1024 + 2 * 32 + 2 * len(
        json.dumps(tool, separators=(",", ":"))
    )


async def test_a_picture_counts_as_pixels_not_as_bytes() -> None:
    data = "data:image/png;base64," + "A" * 100_000
    parts = [{"type": "image_url", "image_url": {"url": data}}]
    found = await made(messages=[{"role": "user", "content": parts}], of=model(window=None))
    assert IMAGE_TOKENS < found.input_tokens < IMAGE_TOKENS * 1.02


@pytest.mark.parametrize("picture", [{"url": "https://example.com/x.png"}, "https://example.com/x.png", None, 5])
async def test_a_picture_elsewhere_counts_the_same(picture: Any) -> None:
    parts = [{"type": "image_url", "image_url": picture}, "odd"]
    found = await made(messages=[{"role": "user", "content": parts}], of=model(window=None))
    assert found.input_tokens > IMAGE_TOKENS


@pytest.mark.parametrize("kind", ["file", "document"])
async def test_what_has_no_bound_of_its_own_takes_the_window(kind: str) -> None:
    messages = [{"role": "user", "content": [{"type": kind}]}]
    assert (await made(messages=messages)).input_tokens == 128_000
    with pytest.raises(BadRequest, match="bound"):
        await made(messages=messages, of=model(window=None))


async def test_a_cap_above_what_the_model_can_answer_is_lowered() -> None:
    assert (await made(max_tokens=50_000, of=model(most=16_384))).output_tokens == 16_384


@pytest.mark.parametrize(
    ("policy", "asked", "may_cut"),
    [
        ("strict", None, False),
        ("strict", 1000, False),
        ("clamp_if_unset", None, True),
        ("clamp_if_unset", 1000, False),
        ("clamp", 1000, True),
    ],
)
async def test_only_what_the_policy_allows_may_be_cut(policy: BoundPolicy, asked: int | None, may_cut: bool) -> None:
    found = await made(policy=policy, max_tokens=asked)
    assert found.amount is not None
    assert (found.floor < found.amount) is may_cut


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("gpt-4o-mini", SHORTEST_ANSWER),
        ("o3-mini", SHORTEST_REASONED_ANSWER),
        ("openai/gpt-5", SHORTEST_REASONED_ANSWER),
        ("gemini-2.5-pro", SHORTEST_REASONED_ANSWER),
        ("kimi-k2-thinking", SHORTEST_REASONED_ANSWER),
    ],
)
async def test_models_that_reason_need_more_room(name: str, least: int) -> None:
    found = await made(model=name)
    assert found.floor == bound(PRICE, found.input_tokens, least + SAFETY_OUTPUT_TOKENS)
    assert found.reasons is (least == SHORTEST_REASONED_ANSWER)


async def test_a_short_default_is_not_stretched_to_the_shortest_answer() -> None:
    found = await made(default_max=10)
    assert found.floor == found.amount


async def test_without_a_price_there_is_no_amount() -> None:
    found = await made(of=model(price=None))
    assert (found.amount, found.floor, found.price) == (None, 0, None)
    assert affordable_tokens(found, 5) == found.output_tokens
    assert fit(found, Nanos(0)) is found


async def test_an_unknown_model_has_no_price_either() -> None:
    asked = await chat()
    found = estimate(asked, None, 2, policy="strict", default_max=1, price_version="v")
    assert (found.amount, found.output_tokens) == (None, 1)


async def test_a_full_hold_changes_nothing() -> None:
    found = await made()
    assert found.amount is not None
    assert fit(found, found.amount) is found


@given(share=st.floats(0, 1), n=st.integers(1, 5), cached=st.integers(0, 10_000))
async def test_what_a_cut_call_can_cost_is_covered_by_what_it_holds(share: float, n: int, cached: int) -> None:
    """The theorem behind the hard cap, for every hold between floor and amount and every usage within the cut."""
    found = await made(n=n)
    assert found.amount is not None
    granted = Nanos(found.floor + int((found.amount - found.floor) * share))
    cut = fit(found, granted)
    assert cut.output_tokens >= SHORTEST_ANSWER
    output = cut.output_tokens * n
    usage = usage_from_counts(input=found.input_tokens, output=output, cached=cached, reasoning=output // 2)
    assert cost(PRICE, usage) <= granted
    assert cut.clamped is (granted < found.amount)


async def test_money_for_less_than_the_prompt_affords_nothing() -> None:
    assert affordable_tokens(await made(), 0) < 0
