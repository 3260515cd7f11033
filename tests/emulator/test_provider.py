"""Answers: the same for the same request, every token countable, never beyond the caller's maximum."""

from collections.abc import Mapping
from typing import Any

import msgspec
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.emulated import ACCOUNT, CALL, GATEWAY, Emulated, call_headers, events
from tollhouse.emulator.chat import read_chat
from tollhouse.emulator.examples import example
from tollhouse.emulator.faults import ProviderFault
from tollhouse.emulator.provider import PromptCache, Wishes, answer, prompt_tokens

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
            "required": ["city", "days"],
        },
    },
}
CLOCK = {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}}}}


def asking(text: str, **fields: object) -> dict[str, object]:
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]} | fields


async def answered(emulated: Emulated, body: Mapping[str, object], path: str = "openai/chat/completions") -> Any:
    answer = await emulated.call(body, path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_same_request_gets_the_same_answer(emulated: Emulated) -> None:
    first, second = await answered(emulated, CALL), await answered(emulated, CALL)
    other = await answered(emulated, asking("Something else"))
    assert first["choices"] == second["choices"]
    assert first["usage"] == second["usage"]
    assert first["choices"] != other["choices"]
    assert first["id"] != second["id"]


async def test_every_completion_token_is_a_word(emulated: Emulated) -> None:
    for number in range(20):
        body = await answered(emulated, asking(f"question {number}"))
        words = body["choices"][0]["message"]["content"].split()
        assert body["usage"]["completion_tokens"] == len(words)
        assert 20 <= len(words) <= 200
        assert body["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
async def test_the_maximum_cuts_the_answer(emulated: Emulated, field: str) -> None:
    body = await answered(emulated, asking("Tell me", **{field: 7}))
    assert body["usage"]["completion_tokens"] == 7
    assert len(body["choices"][0]["message"]["content"].split()) == 7
    assert body["choices"][0]["finish_reason"] == "length"


async def test_the_prompt_is_counted_as_documented(emulated: Emulated) -> None:
    """A quarter of the bytes up, 4 a message, 3 once: 10 bytes and 6 bytes (three characters)."""
    messages = [{"role": "system", "content": "0123456789"}, {"role": "user", "content": "äöü"}]
    body = await answered(emulated, {"model": "gpt-4o-mini", "messages": messages})
    assert body["usage"]["prompt_tokens"] == (3 + 4) + (2 + 4) + 3
    assert body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"]


async def test_pictures_and_tools_cost_what_is_documented(emulated: Emulated) -> None:
    bare = (await answered(emulated, asking("")))["usage"]["prompt_tokens"]
    url = {"url": "https://example.com/a.png"}
    parts = [{"type": "image_url", "image_url": url}, {"type": "image_url", "image_url": url | {"detail": "low"}}]
    seen = await answered(emulated, {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": parts}]})
    tooled = await answered(emulated, asking("", tools=[CLOCK]))
    assert seen["usage"]["prompt_tokens"] == bare + 765 + 85
    assert tooled["usage"]["prompt_tokens"] == bare + -(-len(msgspec.json.encode([CLOCK])) // 4)


@given(
    texts=st.lists(st.text(max_size=60), min_size=1, max_size=6),
    descriptions=st.lists(st.text(max_size=40), max_size=3),
)
def test_the_prompt_never_counts_more_than_its_bytes(texts: list[str], descriptions: list[str]) -> None:
    """Bytes of the text, 16 a message, bytes of the tools: whoever reserves that is safe."""
    tools = [
        {"type": "function", "function": {"name": f"t{place}", "description": text}}
        for place, text in enumerate(descriptions)
    ]
    fields: dict[str, object] = {"messages": [{"role": "user", "content": text} for text in texts]}
    request = read_chat(fields | ({"tools": tools} if tools else {}), "openai", "gpt-4o")
    bound = sum(len(text.encode()) for text in texts) + 16 * len(texts)
    bound += len(msgspec.json.encode(tools)) if tools else 0
    assert prompt_tokens(request) <= bound


@given(text=st.text(max_size=200), maximum=st.integers(1, 300), choices=st.integers(1, 5), thinks=st.booleans())
def test_no_choice_is_longer_than_the_maximum(text: str, maximum: int, choices: int, thinks: bool) -> None:
    model = "gpt-5-mini" if thinks else "gpt-4o"
    fields = asking(text, max_completion_tokens=maximum, n=choices)
    made = answer(read_chat(fields, "openai", model), "openai", None, PromptCache(), Wishes())
    assert all(choice.visible + choice.reasoning <= maximum for choice in made.choices)
    assert made.usage.output == sum(choice.visible + choice.reasoning for choice in made.choices)
    assert len(made.choices) == choices


async def test_choices_differ_and_are_all_paid(emulated: Emulated) -> None:
    body = await answered(emulated, asking("Choose", n=3))
    texts = [choice["message"]["content"] for choice in body["choices"]]
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]
    assert len(set(texts)) == 3
    assert body["usage"]["completion_tokens"] == sum(len(text.split()) for text in texts)


async def test_the_window_caps_the_answer_too(emulated: Emulated) -> None:
    body = await answered(emulated, asking("x" * 340, model="tiny", max_tokens=1000))
    assert body["usage"]["total_tokens"] <= 100
    assert body["choices"][0]["finish_reason"] == "length"


# Reasoning


async def test_reasoning_is_inside_the_completion(emulated: Emulated) -> None:
    body = await answered(emulated, asking("Think", model="gpt-5-mini"))
    reasoning = body["usage"]["completion_tokens_details"]["reasoning_tokens"]
    words = len(body["choices"][0]["message"]["content"].split())
    assert 32 <= reasoning <= 255
    assert body["usage"]["completion_tokens"] == reasoning + words


async def test_reasoning_can_use_up_the_maximum(emulated: Emulated) -> None:
    """Money for thoughts alone: an empty answer that ends for its length."""
    body = await answered(emulated, asking("Think", model="gpt-5-mini", max_completion_tokens=10))
    assert body["usage"]["completion_tokens_details"]["reasoning_tokens"] == 10
    assert body["usage"]["completion_tokens"] == 10
    assert body["choices"][0]["message"]["content"] == ""
    assert body["choices"][0]["finish_reason"] == "length"


async def test_effort_moves_the_reasoning(emulated: Emulated) -> None:
    async def reasoning(effort: str) -> int:
        body = await answered(emulated, asking("Think", model="gpt-5-mini", reasoning_effort=effort))
        tokens: int = body["usage"]["completion_tokens_details"]["reasoning_tokens"]
        return tokens

    none, low, medium, high = [await reasoning(effort) for effort in ("none", "low", "medium", "high")]
    assert none == 0 < low < medium < high


@pytest.mark.parametrize(
    ("path", "model", "thinks"),
    [
        ("openai/chat/completions", "o3-mini", True),
        ("openai/chat/completions", "gpt-4o", False),
        ("openrouter/chat/completions", "openai/gpt-5", True),
        ("compat/chat/completions", "openai/o1", True),
        ("compat/chat/completions", "anthropic/claude-opus-4-5", False),
    ],
)
async def test_who_thinks(emulated: Emulated, path: str, model: str, thinks: bool) -> None:
    body = await answered(emulated, asking("Think", model=model), path)
    assert (body["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0) == thinks


# Cached prompts


async def cached(emulated: Emulated, text: str, model: str = "gpt-4o-mini") -> int:
    body = await answered(emulated, asking(text, model=model))
    tokens: int = body["usage"]["prompt_tokens_details"]["cached_tokens"]
    return tokens


async def test_a_long_prompt_is_cached_from_the_second_time_on(emulated: Emulated) -> None:
    book = "a line of the long book.\n" * 250
    assert await cached(emulated, book) == 0
    again = await cached(emulated, book)
    assert again >= 1024
    assert again % 128 == 0
    assert await cached(emulated, book + "And a new question") >= again
    assert await cached(emulated, "Before. " + book) == 0
    assert await cached(emulated, book, "gpt-4o") == 0


async def test_a_shared_beginning_is_cached_as_far_as_it_goes(emulated: Emulated) -> None:
    shared = "s" * (1024 + 256) * 4
    await cached(emulated, shared + "x" * 2000)
    assert await cached(emulated, shared + "y" * 2000) == 1024 + 256 - 128 or 1024 + 256


async def test_a_short_prompt_is_never_cached(emulated: Emulated) -> None:
    assert [await cached(emulated, "x" * 4000) for _ in range(2)] == [0, 0]


# Tools and JSON


async def test_a_tool_that_the_user_names_is_called(emulated: Emulated) -> None:
    body = await answered(emulated, asking("Use get_weather for Ulm", tools=[CLOCK, WEATHER]))
    choice = body["choices"][0]
    call = choice["message"]["tool_calls"][0]
    arguments = msgspec.json.decode(call["function"]["arguments"])
    assert (choice["finish_reason"], choice["message"]["content"]) == ("tool_calls", None)
    assert (call["type"], call["function"]["name"]) == ("function", "get_weather")
    assert call["id"].startswith("call_")
    assert isinstance(arguments["city"], str)
    assert arguments["days"] >= 1
    assert body["usage"]["completion_tokens"] == 1 + -(-len(call["function"]["arguments"]) // 4)


@pytest.mark.parametrize(
    ("text", "choice", "called", "finish"),
    [
        ("Hello", None, None, "stop"),
        ("Hello", "auto", None, "stop"),
        ("Hello", "required", "get_time", "tool_calls"),
        ("Use get_weather", "none", None, "stop"),
        ("Use get_weather", "required", "get_weather", "tool_calls"),
        ("Use get_time", {"type": "function", "function": {"name": "get_weather"}}, "get_weather", "stop"),
    ],
)
async def test_tool_choice(emulated: Emulated, text: str, choice: object, called: str | None, finish: str) -> None:
    fields = {"tools": [CLOCK, WEATHER]} | ({"tool_choice": choice} if choice else {})
    got = (await answered(emulated, asking(text, **fields)))["choices"][0]
    calls = got["message"].get("tool_calls") or [{"function": {"name": None}}]
    assert (calls[0]["function"]["name"], got["finish_reason"]) == (called, finish)


async def test_after_a_tools_result_the_model_speaks(emulated: Emulated) -> None:
    first = (await answered(emulated, asking("Use get_time", tools=[CLOCK])))["choices"][0]["message"]
    messages = [
        {"role": "user", "content": "Use get_time"},
        {"role": "assistant", "content": None, "tool_calls": first["tool_calls"]},
        {"role": "tool", "tool_call_id": first["tool_calls"][0]["id"], "content": "noon, says get_time"},
    ]
    body = await answered(emulated, {"model": "gpt-4o-mini", "messages": messages, "tools": [CLOCK]})
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["choices"][0]["message"]["content"]


@pytest.mark.parametrize(("maximum", "length"), [(1, 0), (3, 8)])
async def test_the_maximum_cuts_a_tools_arguments(emulated: Emulated, maximum: int, length: int) -> None:
    body = await answered(emulated, asking("get_weather", tools=[WEATHER], max_tokens=maximum))
    choice = body["choices"][0]
    assert len(choice["message"]["tool_calls"][0]["function"]["arguments"]) == length
    assert choice["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == maximum


async def test_json_answers_follow_the_schema(emulated: Emulated) -> None:
    schema = WEATHER["function"]["parameters"]  # type: ignore[index]
    wanted = {"type": "json_schema", "json_schema": {"name": "w", "schema": schema}}
    body = await answered(emulated, asking("Answer", response_format=wanted))
    content = body["choices"][0]["message"]["content"]
    assert set(msgspec.json.decode(content)) == {"city", "days"}
    assert body["usage"]["completion_tokens"] == -(-len(content) // 4)


async def test_text_may_be_asked_for_by_name(emulated: Emulated) -> None:
    named = await answered(emulated, asking("Answer", response_format={"type": "text"}))
    assert named["choices"] == (await answered(emulated, asking("Answer")))["choices"]


async def test_sound_and_files_count_as_the_text_that_carries_them(emulated: Emulated) -> None:
    sound = [{"type": "input_audio", "input_audio": {"data": "A" * 400, "format": "wav"}}]
    body = await answered(emulated, {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": sound}]})
    assert body["usage"]["prompt_tokens"] == -(-403 // 4) + 4 + 3


async def test_json_mode_answers_an_object(emulated: Emulated) -> None:
    body = await answered(emulated, asking("Answer in JSON", response_format={"type": "json_object"}))
    assert isinstance(msgspec.json.decode(body["choices"][0]["message"]["content"]), dict)


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({}, {"answer": "toll 7"}),
        ({"type": "object", "properties": {"a": {}}}, {}),
        ({"type": "object", "properties": {"a": {"enum": ["x", "y"]}}, "required": ["a"]}, {"a": "y"}),
        ({"type": "object", "properties": {"a": {"const": 3}}, "required": ["a"]}, {"a": 3}),
        ({"properties": {"a": {"type": "boolean"}}, "required": ["a"]}, {"a": False}),
        ({"properties": {"a": {"type": ["string", "null"]}}, "required": ["a"]}, {"a": "toll 7"}),
        ({"properties": {"a": {"type": "string", "minLength": 8}}, "required": ["a"]}, {"a": "toll 7.."}),
        ({"properties": {"a": {"type": "number", "maximum": 2}}, "required": ["a"]}, {"a": 2}),
        ({"properties": {"a": {"type": "null"}}, "required": ["a"]}, {"a": None}),
        (
            {"properties": {"a": {"items": {"type": "integer"}, "minItems": 2}}, "required": ["a"]},
            {"a": [7, 8]},
        ),
        (
            {"properties": {"a": {"$ref": "#/$defs/A"}}, "required": ["a"], "$defs": {"A": {"type": "integer"}}},
            {"a": 7},
        ),
        ({"properties": {"a": {"anyOf": [{"type": "integer"}, {}]}}, "required": ["a"]}, {"a": 7}),
        ({"properties": {"a": {"$ref": "#/$defs/none"}}, "required": ["a", "b"]}, {"a": {}, "b": {}}),
        ({"type": "array"}, {"answer": "toll 7"}),
    ],
)
def test_examples_fit_their_schema(schema: dict[str, object], expected: dict[str, object]) -> None:
    assert example(schema, 7) == expected


def test_a_schema_without_end_ends() -> None:
    endless = {"type": "object", "properties": {"self": {"$ref": "#"}}, "required": ["self"]}
    assert "self" in example(endless, 1)


def test_a_window_that_the_prompt_fills_is_refused() -> None:
    request = read_chat(asking("x" * 40), "openai", "gpt-4o")
    with pytest.raises(ProviderFault):
        answer(request, "openai", prompt_tokens(request), PromptCache(), Wishes())


# Streams


async def stream(emulated: Emulated, **fields: object) -> list[Any]:
    answer = await emulated.call(CALL | {"stream": True} | fields)
    assert answer.headers["content-type"].startswith("text/event-stream")
    return events(answer.text)


async def test_a_stream_says_what_the_whole_answer_says(emulated: Emulated) -> None:
    whole = await answered(emulated, CALL)
    told = await stream(emulated)
    deltas = [chunk["choices"][0]["delta"] for chunk in told[:-1]]
    assert told[-1] == "[DONE]"
    assert deltas[0] == {"role": "assistant", "content": "", "refusal": None}
    assert deltas[-1] == {}
    assert told[-2]["choices"][0]["finish_reason"] == "stop"
    assert [chunk["choices"][0]["finish_reason"] for chunk in told[:-2]] == [None] * (len(told) - 2)
    assert "".join(delta.get("content", "") for delta in deltas) == whole["choices"][0]["message"]["content"]
    assert all(chunk["object"] == "chat.completion.chunk" for chunk in told[:-1])
    assert len({chunk["id"] for chunk in told[:-1]}) == 1


async def test_usage_comes_last_and_only_if_asked_for(emulated: Emulated) -> None:
    plain = await stream(emulated)
    asked = await stream(emulated, stream_options={"include_usage": True})
    assert all("usage" not in chunk for chunk in plain[:-1])
    assert len(asked) == len(plain) + 1
    assert all(chunk["usage"] is None for chunk in asked[:-2])
    assert asked[-2]["choices"] == []
    assert asked[-2]["usage"] == (await answered(emulated, CALL))["usage"]
    assert asked[-1] == "[DONE]"


@pytest.mark.parametrize("path", ["mistral/v1/chat/completions", "perplexity-ai/chat/completions"])
async def test_some_providers_report_usage_unasked(emulated: Emulated, path: str) -> None:
    told = events((await emulated.call(CALL | {"stream": True}, path)).text)
    assert told[-2]["usage"]["completion_tokens"] > 0
    assert told[-2]["choices"][0]["finish_reason"] == "stop"
    assert all("usage" not in chunk for chunk in told[:-2])


async def test_a_streamed_tool_call_comes_in_openais_pieces(emulated: Emulated) -> None:
    told = await stream(emulated, messages=[{"role": "user", "content": "get_weather"}], tools=[WEATHER])
    deltas = [chunk["choices"][0]["delta"] for chunk in told[:-1]]
    calls = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
    assert deltas[0]["content"] is None
    assert (calls[0]["index"], calls[0]["function"]) == (0, {"name": "get_weather", "arguments": ""})
    assert calls[0]["id"].startswith("call_")
    assert all("id" not in call for call in calls[1:])
    assert msgspec.json.decode("".join(call["function"]["arguments"] for call in calls))["city"]
    assert told[-2]["choices"][0]["finish_reason"] == "tool_calls"


async def test_streamed_choices_keep_their_index(emulated: Emulated) -> None:
    told = await stream(emulated, n=2)
    finished = [chunk["choices"][0]["index"] for chunk in told[:-1] if chunk["choices"][0]["finish_reason"]]
    assert finished == [0, 1]


# OpenAI's own client as a second reader of our shapes


@pytest.fixture
def sdk(emulated: Emulated) -> openai.AsyncOpenAI:
    """It always sends Authorization, so it speaks to the one provider that wants it."""
    return openai.AsyncOpenAI(
        base_url=f"{emulated.client.base_url}/v1/{ACCOUNT}/{GATEWAY}/workers-ai/v1",
        api_key="cf-run-token-0123456789",
        default_headers=call_headers(),
        max_retries=0,
    )


LLAMA = "@cf/meta/llama-3.1-8b-instruct"


async def test_openais_client_reads_our_answers(sdk: openai.AsyncOpenAI) -> None:
    got = await sdk.chat.completions.create(model=LLAMA, messages=[{"role": "user", "content": "Hello"}])
    assert got.usage is not None
    assert got.usage.completion_tokens == len((got.choices[0].message.content or "").split())


async def test_openais_client_reads_our_streams(sdk: openai.AsyncOpenAI) -> None:
    async with sdk.chat.completions.stream(
        model=LLAMA,
        messages=[{"role": "user", "content": "get_weather"}],
        tools=[WEATHER],  # type: ignore[list-item]
        stream_options={"include_usage": True},
    ) as told:
        final = await told.get_final_completion()
    calls = final.choices[0].message.tool_calls or []
    assert [call.function.name for call in calls] == ["get_weather"]
    assert final.usage is not None
    assert final.usage.completion_tokens > 0


async def test_openais_client_reads_our_refusals(sdk: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await sdk.chat.completions.create(model=LLAMA, messages=[{"role": "user", "content": "Hi"}], max_tokens=0)
    assert caught.value.param == "max_tokens"
