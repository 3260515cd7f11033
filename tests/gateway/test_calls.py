"""What a caller may write: every odd body gets a 400 that names the field, and nothing is read in two ways."""

import json
from typing import Any

import pytest

from tollhouse.foundation.errors import BadRequest
from tollhouse.gateway.calls import MAX_DEPTH, YIELD_ABOVE_BYTES, decode, read_chat

MESSAGES = [{"role": "user", "content": "hello"}]


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "gpt-4o-mini", "messages": MESSAGES} | fields).encode()


async def refusal(raw: bytes) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        await read_chat(raw)
    return caught.value


async def test_a_plain_call() -> None:
    chat = await read_chat(body())
    assert (chat.model, chat.provider, chat.stream, chat.wants_usage) == ("gpt-4o-mini", None, False, False)
    assert (chat.choices, chat.max_output_tokens) == (1, None)


async def test_what_is_asked_for_is_read() -> None:
    raw = body(provider="openai", stream=True, stream_options={"include_usage": True}, n=3, max_completion_tokens=7)
    chat = await read_chat(raw)
    assert (chat.provider, chat.stream, chat.wants_usage, chat.choices, chat.max_output_tokens) == (
        "openai",
        True,
        True,
        3,
        7,
    )
    assert "provider" not in chat.body


@pytest.mark.parametrize("field", ["n", "max_tokens", "max_completion_tokens", "stream", "stream_options", "provider"])
async def test_null_means_absent(field: str) -> None:
    chat = await read_chat(body(**{field: None}))
    assert (chat.choices, chat.max_output_tokens, chat.stream, chat.provider) == (1, None, False, None)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"nonsense",
        b"\x00\x01\x02",
        b"\xff\xfe{\x00}\x00",
        b'{"model": "\xff"}',
        b"[]",
        b'"text"',
        b"null",
        b"{",
        b'{"model": NaN}',
        b'{"model": 1e999}',
        b"\xef\xbb\xbf{}",
    ],
)
async def test_what_is_no_json_object_is_refused(raw: bytes) -> None:
    assert (await refusal(raw)).code == "invalid_json"


@pytest.mark.parametrize("opening", [b'{"a":', b"["])
async def test_deep_json_is_refused_however_deep(opening: bytes) -> None:
    for depth in (MAX_DEPTH + 1, 100_000):
        assert (await refusal(b'{"x":' + opening * depth)).code == "invalid_json"
    closing = b"]" * (MAX_DEPTH + 1)
    nested = b'{"model":"m","messages":' + b"[" * (MAX_DEPTH + 1) + closing + b"}"
    assert (await refusal(nested)).code == "invalid_json"


async def test_json_as_deep_as_allowed_passes() -> None:
    await decode(b'{"x":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}")


@pytest.mark.parametrize(
    ("twice", "named"),
    [
        (b'{"model":"a","model":"b","messages":[]}', "model"),
        (b'{"model":"a","messages":[],"max_tokens":1,"max_tokens":9}', "max_tokens"),
        (b'{"model":"a","messages":[{"n":1,"n":2}]}', "n"),
    ],
)
async def test_a_key_written_twice_is_refused(twice: bytes, named: str) -> None:
    refused = await refusal(twice)
    assert (refused.code, refused.param) == ("duplicate_key", named)


async def test_the_same_name_in_two_places_is_not_twice() -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"properties": {"model": {}, "n": {}}}}}]
    chat = await read_chat(body(n=2, tools=tools))
    assert chat.choices == 2


async def test_a_large_body_is_read_like_a_small_one() -> None:
    large = body(messages=[{"role": "user", "content": 'say "max_tokens" ' * YIELD_ABOVE_BYTES}])
    assert (await read_chat(large)).size_bytes == len(large)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"model": 5}, "model"),
        ({"model": "../../etc"}, "model"),
        ({"model": "a//b"}, "model"),
        ({"model": "a b"}, "model"),
        ({"model": "a\r\nx: y"}, "model"),
        ({"model": "x" * 201}, "model"),
        ({"provider": 3}, "provider"),
        ({"provider": "open ai"}, "provider"),
        ({"provider": {"order": ["openai"]}}, "provider"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": ["hello"]}, "messages"),
        ({"messages": [{}] * 20_001}, "messages"),
        ({"tools": "f"}, "tools"),
        ({"tools": ["f"]}, "tools"),
        ({"tools": [{"type": "web_search"}]}, "tools"),
        ({"tools": [{"type": "function"}] * 1_001}, "tools"),
        ({"stream": "yes"}, "stream"),
        ({"stream": 1}, "stream"),
        ({"stream": True, "stream_options": []}, "stream_options"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": True, "stream_options": {"include_usage": "yes"}}, "include_usage"),
        ({"max_tokens": 1, "max_completion_tokens": 2}, "max_tokens"),
        ({"service_tier": "priority"}, "service_tier"),
        ({"service_tier": ["default"]}, "service_tier"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"prediction": {"type": "content"}}, "prediction"),
        ({"audio": {"voice": "x"}}, "audio"),
        ({"models": ["a", "b"]}, "models"),
        ({"plugins": []}, "plugins"),
        ({"best_of": 2}, "best_of"),
        ({"search_parameters": {"mode": "on"}}, "search_parameters"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages"),
        ({"messages": [{"content": [{"cache_control": {"type": "ephemeral", "ttl": "1h"}}]}]}, "cache_control.ttl"),
        ({"tools": [{"type": "function", "cache_control": {"ttl": "1h"}}]}, "cache_control.ttl"),
    ],
)
async def test_every_odd_field_is_named(fields: dict[str, Any], named: str) -> None:
    assert (await refusal(body(**fields))).param == named


@pytest.mark.parametrize("value", [0, -1, 1.5, "7", True, [], 10**7, 10**30])
@pytest.mark.parametrize("field", ["n", "max_tokens", "max_completion_tokens"])
async def test_hostile_numbers_are_refused(field: str, value: Any) -> None:
    assert (await refusal(body(**{field: value}))).param == field


async def test_an_escaped_name_hides_nothing() -> None:
    raw = b'{"model":"m","messages":[{"content":[{"cache_control":{"\\u0074tl":"1h"}}]}]}'
    assert (await refusal(raw)).param == "cache_control.ttl"
    usual = raw.replace(b'"1h"', b'"5m"')
    assert (await read_chat(usual)).model == "m"


async def test_both_caps_with_one_value_are_one_cap() -> None:
    assert (await read_chat(body(max_tokens=9, max_completion_tokens=9))).max_output_tokens == 9


async def test_the_standard_tier_may_be_named_and_is_not_sent() -> None:
    assert "service_tier" not in (await read_chat(body(service_tier="auto"))).body
