"""What a provider refuses to read: one 400 for each mistake, in OpenAI's words."""

import httpx
import pytest

from emulator.emulated import CALL, Emulated

USER = {"role": "user", "content": "Hello"}
TOOL = {"type": "function", "function": {"name": "weigh", "parameters": {"type": "object"}}}
MINI = CALL
THINKER = {"model": "gpt-5-mini", "messages": [USER]}


def refusal(answer: httpx.Response) -> tuple[int, str | None, str | None]:
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    return answer.status_code, error["code"], error["param"]


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b"", None, None),
        (b"{", None, None),
        (b"[]", None, None),
        (b'{"model":"\xff"}', None, None),
        (b'{"a":' * 100_000, None, None),
        (b'{"model":"\\ud800"}', None, None),
        ({"messages": [USER]}, "missing_required_parameter", "model"),
        ({"model": 7, "messages": [USER]}, "missing_required_parameter", "model"),
        ({"model": "gpt-4o-mini"}, "missing_required_parameter", "messages"),
        (MINI | {"messages": []}, "empty_array", "messages"),
        (MINI | {"messages": "hi"}, "invalid_type", "messages"),
        (MINI | {"messages": ["hi"]}, "invalid_type", "messages[0]"),
        (MINI | {"messages": [USER, {"content": "hi"}]}, "invalid_value", "messages[1].role"),
        (MINI | {"messages": [{"role": "keeper", "content": "hi"}]}, "invalid_value", "messages[0].role"),
        (MINI | {"messages": [{"role": "user", "content": None}]}, None, "messages[0].content"),
        (MINI | {"messages": [{"role": "user", "content": 7}]}, "invalid_type", "messages[0].content"),
        (
            MINI | {"messages": [{"role": "user", "content": [{"type": "smell"}]}]},
            "invalid_value",
            "messages[0].content[0].type",
        ),
        (
            MINI | {"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]},
            "invalid_type",
            "messages[0].content[0].text",
        ),
        (
            MINI | {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "http://x"}]}]},
            "missing_required_parameter",
            "messages[0].content[0].image_url.url",
        ),
        (
            MINI | {"messages": [{"role": "user", "content": ["hi"]}]},
            "invalid_type",
            "messages[0].content[0]",
        ),
        (
            MINI | {"tools": [{"type": "function", "function": {"name": "a", "parameters": []}}]},
            "invalid_type",
            "tools[0].function.parameters",
        ),
        (
            MINI | {"messages": [{"role": "tool", "content": "4"}]},
            "missing_required_parameter",
            "messages[0].tool_call_id",
        ),
        (MINI | {"provider": "openai"}, "unknown_parameter", "provider"),
        (MINI | {"max_output": 5}, "unknown_parameter", "max_output"),
        (MINI | {"max_tokens": 0}, "integer_below_min_value", "max_tokens"),
        (MINI | {"max_tokens": -5}, "integer_below_min_value", "max_tokens"),
        (MINI | {"max_tokens": "5"}, "invalid_type", "max_tokens"),
        (MINI | {"max_tokens": 5.5}, "invalid_type", "max_tokens"),
        (MINI | {"max_tokens": True}, "invalid_type", "max_tokens"),
        (MINI | {"max_completion_tokens": 0}, "integer_below_min_value", "max_completion_tokens"),
        (MINI | {"max_tokens": 5, "max_completion_tokens": 5}, "invalid_parameter_combination", "max_tokens"),
        (THINKER | {"max_tokens": 5}, "unsupported_parameter", "max_tokens"),
        (MINI | {"model": "o3-mini", "max_tokens": 5}, "unsupported_parameter", "max_tokens"),
        (MINI | {"n": 0}, "integer_below_min_value", "n"),
        (MINI | {"n": 129}, "integer_above_max_value", "n"),
        (MINI | {"stream": "yes"}, "invalid_type", "stream"),
        (MINI | {"stream_options": {"include_usage": True}}, None, "stream_options"),
        (MINI | {"stream": False, "stream_options": {}}, None, "stream_options"),
        (MINI | {"stream": True, "stream_options": True}, "invalid_type", "stream_options"),
        (MINI | {"stream": True, "stream_options": {"include_usage": 1}}, "invalid_type", "include_usage"),
        (MINI | {"reasoning_effort": "fierce"}, "invalid_value", "reasoning_effort"),
        (MINI | {"tools": []}, None, "tools"),
        (MINI | {"tools": {}}, "invalid_type", "tools"),
        (MINI | {"tools": [{"type": "function"}]}, "invalid_value", "tools[0].function.name"),
        (
            MINI | {"tools": [{"type": "function", "function": {"name": "a b"}}]},
            "invalid_value",
            "tools[0].function.name",
        ),
        (MINI | {"tool_choice": "auto"}, None, "tool_choice"),
        (MINI | {"parallel_tool_calls": True}, None, "parallel_tool_calls"),
        (MINI | {"tools": [TOOL], "tool_choice": "always"}, "invalid_value", "tool_choice"),
        (
            MINI | {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "other"}}},
            "invalid_value",
            "tool_choice",
        ),
        (MINI | {"response_format": "json"}, "invalid_value", "response_format.type"),
        (MINI | {"response_format": {"type": "xml"}}, "invalid_value", "response_format.type"),
        (MINI | {"response_format": {"type": "json_object"}}, None, "messages"),
        (
            MINI | {"response_format": {"type": "json_schema"}},
            "missing_required_parameter",
            "response_format.json_schema.name",
        ),
    ],
)
async def test_openai_names_the_mistake(emulated: Emulated, body: object, code: str | None, param: str | None) -> None:
    answer = await emulated.call(body)
    assert refusal(answer) == (400, code, param)
    book = await emulated.book()
    assert (book["calls"], book["refused"], book["true_cost_nanos"]) == (0, 1, 0)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_a_body_must_be_called_json(emulated: Emulated, content_type: str) -> None:
    answer = await emulated.call(headers={"content-type": content_type})
    assert refusal(answer) == (400, "unsupported_content_type", None)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("groq/chat/completions", {"model": "llama", "made_up": 1}, 200),
        ("groq/chat/completions", {"model": "llama", "max_tokens": 5, "max_completion_tokens": 5}, 200),
        ("groq/chat/completions", {"model": "llama", "provider": "groq"}, 400),
        ("openrouter/chat/completions", {"model": "openai/gpt-5", "max_tokens": 5}, 200),
        ("openrouter/chat/completions", {"model": "openai/gpt-5", "provider": {"order": ["Azure"]}}, 200),
        ("openrouter/chat/completions", {"model": "openai/gpt-5", "provider": "openai"}, 400),
        ("compat/chat/completions", {"model": "openai/gpt-5-mini", "max_tokens": 5}, 400),
        ("compat/chat/completions", {"model": "anthropic/claude-sonnet-4-5", "provider": "anthropic"}, 400),
        ("mistral/v1/chat/completions", {"model": "mistral-small", "max_tokens": 5}, 200),
        ("mistral/v1/chat/completions", {"model": "mistral-small", "provider": "mistral"}, 422),
        ("mistral/v1/chat/completions", {"model": "mistral-small", "max_completion_tokens": 5}, 422),
        ("mistral/v1/chat/completions", {"model": "m", "stream": True, "stream_options": {}}, 422),
    ],
)
async def test_providers_differ_in_what_they_refuse(
    emulated: Emulated, path: str, body: dict[str, object], status: int
) -> None:
    answer = await emulated.call(body | {"messages": [USER]}, path)
    assert answer.status_code == status, answer.text


async def test_mistral_refuses_in_its_own_shape(emulated: Emulated) -> None:
    body = {"model": "mistral-small", "messages": [USER], "max_completion_tokens": 5}
    error = (await emulated.call(body, "mistral/v1/chat/completions")).json()
    assert error["message"]["detail"][0]["loc"] == ["body", "max_completion_tokens"]


async def test_deepseek_ignores_the_new_maximum(emulated: Emulated) -> None:
    """Whoever bounds a DeepSeek call by that field has bounded nothing."""
    body = {"model": "deepseek-chat", "messages": [USER]}
    new = (await emulated.call(body | {"max_completion_tokens": 3}, "deepseek/chat/completions")).json()
    old = (await emulated.call(body | {"max_tokens": 3}, "deepseek/chat/completions")).json()
    assert new["usage"]["completion_tokens"] > 3
    assert old["usage"]["completion_tokens"] == 3


async def test_a_prompt_beyond_the_window_is_refused(emulated: Emulated) -> None:
    long = {"model": "tiny", "messages": [{"role": "user", "content": "x" * 400}]}
    assert refusal(await emulated.call(long)) == (400, "context_length_exceeded", "messages")
