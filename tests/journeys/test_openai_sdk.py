"""The official SDK, pointed at us, works as if we were OpenAI; its typed errors come out right."""

import json
from decimal import Decimal
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from stage import Stage
from tollhouse.access.keys import KeyTerms

MODEL = "gpt-4o-mini"
HELLO: Any = [{"role": "user", "content": "Say hello to the toll keeper."}]


@pytest.fixture
async def client(stage: Stage) -> AsyncOpenAI:
    return stage.client((await stage.key("5.0000")).raw_key)


async def test_chat(stage: Stage, client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model=MODEL, messages=HELLO)
    assert answer.choices[0].message.content
    assert answer.usage
    assert answer.usage.completion_tokens > 0
    await stage.assert_books_agree()


async def test_stream_without_usage_shows_none(stage: Stage, client: AsyncOpenAI) -> None:
    text = ""
    async for chunk in await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True):
        assert chunk.usage is None
        assert chunk.choices
        text += chunk.choices[0].delta.content or ""
    whole = await client.chat.completions.create(model=MODEL, messages=HELLO)
    assert text == whole.choices[0].message.content
    await stage.assert_books_agree()


async def test_stream_with_usage_ends_with_it(stage: Stage, client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model=MODEL, messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert [chunk.usage is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].choices == []
    await stage.assert_books_agree()


async def test_tools(stage: Stage, client: AsyncOpenAI) -> None:
    tools: Any = [
        {
            "type": "function",
            "function": {
                "name": "toll_of",
                "parameters": {
                    "type": "object",
                    "properties": {"axles": {"type": "integer"}},
                    "required": ["axles"],
                },
            },
        }
    ]
    asked: Any = [{"role": "user", "content": "Use toll_of for a cart with two axles."}]
    answer = await client.chat.completions.create(model=MODEL, messages=asked, tools=tools)
    calls = answer.choices[0].message.tool_calls
    assert calls
    assert calls[0].type == "function"
    assert "axles" in json.loads(calls[0].function.arguments)
    streamed = await client.chat.completions.create(model=MODEL, messages=asked, tools=tools, stream=True)
    names = [
        call.function.name
        async for chunk in streamed
        for call in chunk.choices[0].delta.tool_calls or []
        if call.function and call.function.name
    ]
    assert names == ["toll_of"]
    await stage.assert_books_agree()


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("model", [MODEL, "o3-mini", "claude-sonnet-4-5", "gemini-2.5-flash", "mistral-large-latest"])
async def test_either_cap_is_honoured_by_every_provider(
    stage: Stage, client: AsyncOpenAI, model: str, field: str
) -> None:
    cap: Any = {field: 9}
    answer = await client.chat.completions.create(model=model, messages=HELLO, **cap)
    assert answer.usage
    assert answer.usage.completion_tokens <= 9
    await stage.assert_books_agree()


async def test_several_choices_are_counted_and_paid(stage: Stage, client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model=MODEL, messages=HELLO, n=3)
    assert len(answer.choices) == 3
    await stage.assert_books_agree()


async def test_the_models_list_can_be_called_with_a_virtual_key_and_its_ids_can_be_used(
    stage: Stage, client: AsyncOpenAI
) -> None:
    ids = [model.id async for model in client.models.list()]
    assert "openai/gpt-4o-mini" in ids
    assert len(ids) > 100
    answer = await client.chat.completions.create(model="openai/gpt-4o-mini", messages=HELLO)
    assert answer.choices
    assert (await client.models.retrieve("openai/gpt-4o-mini")).owned_by


async def test_a_wrong_key_is_an_authentication_error(stage: Stage) -> None:
    with pytest.raises(openai.AuthenticationError) as caught:
        await stage.client("aig_" + "0" * 32).chat.completions.create(model=MODEL, messages=HELLO)
    assert caught.value.code == "invalid_api_key"
    assert caught.value.response.headers["x-tollhouse-call-id"]


async def test_a_forbidden_model_is_a_permission_error_that_names_the_allowed(stage: Stage) -> None:
    made = await stage.key(terms=KeyTerms("narrow", allowed_models=("gpt-4o-mini", "claude-*")))
    client = stage.client(made.raw_key)
    with pytest.raises(openai.PermissionDeniedError, match=r"gpt-4o-mini, claude-\*") as caught:
        await client.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert (caught.value.code, caught.value.param) == ("model_not_allowed", "model")
    assert (await client.chat.completions.create(model="claude-sonnet-4-5", messages=HELLO, max_tokens=5)).choices


async def test_an_exhausted_budget_is_402_tells_the_numbers_and_is_not_retried(stage: Stage) -> None:
    made = await stage.key(terms=KeyTerms("empty", budget_usd=Decimal("0.0000"), budget_reset="daily"))
    with pytest.raises(openai.APIStatusError) as caught:
        await stage.client(made.raw_key, max_retries=3).chat.completions.create(model=MODEL, messages=HELLO)
    error: Any = caught.value.body
    assert (caught.value.status_code, error["code"]) == (402, "budget_exhausted")
    assert (error["scope"], error["limit"], error["spent"], error["held"]) == (
        "key",
        "0.000000000",
        "0.000000000",
        "0.000000000",
    )
    assert Decimal(error["required"]) > 0
    assert error["affordable_max_tokens"] == 0
    assert error["resets_at"].endswith("T00:00:00+00:00")
    assert await stage.emulator.calls() == []


async def test_a_refusal_by_the_provider_passes_through_with_its_status_and_costs_nothing(
    stage: Stage, client: AsyncOpenAI
) -> None:
    await stage.emulator.script(model=MODEL, status=429, body={"error": {"message": "slow down", "code": "rate"}})
    with pytest.raises(openai.RateLimitError, match="slow down"):
        await client.chat.completions.create(model=MODEL, messages=HELLO)
    entries = await stage.booked(1)
    assert [(entry["kind"], entry["cost_nanos"]) for entry in entries] == [("exact", 0)]


async def test_the_receipt_of_a_call_tells_what_it_cost(stage: Stage, client: AsyncOpenAI) -> None:
    raw = await client.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO)
    call_id = raw.headers["x-tollhouse-call-id"]
    entry = (await stage.booked(1))[0]
    receipt: Any = await client.get(f"/receipts/{call_id}", cast_to=object)
    told = receipt["receipt"]
    assert told["cost_nanos"] == entry["cost_nanos"]
    assert told["cost_usd"] == raw.headers["x-tollhouse-cost-usd"]
    assert told["entry"]["kind"] == "exact"
