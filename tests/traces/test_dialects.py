"""Each dialect, as its senders really write it, becomes the conventions' words and the right columns."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tollhouse.traces import names
from tollhouse.traces.dialects import Dialects, Reading, Value, nanos, tokens
from tollhouse.traces.names import Role, provider, role_of

dialects = Dialects()


def read(given: dict[str, Value], name: str = "span", *, root: bool = True, scope: str = "") -> Reading:
    """Searched for credentials or not, and of a shape that was seen before or not, it is the same."""
    searched = dialects.read(name, given, root=root, scope=scope)
    assert dialects.read(name, given, root=root, scope=scope, suspect=False) == searched
    assert dialects.read(name, given, root=root, scope=scope, suspect=False) == searched
    return searched


def columns(reading: Reading) -> tuple[object, ...]:
    """Provider, model, tokens in, out, cached, written to the cache, reasoning; cost; counted."""
    return (
        reading.provider,
        reading.model,
        reading.input_tokens,
        reading.output_tokens,
        reading.cached_tokens,
        reading.cache_write_tokens,
        reading.reasoning_tokens,
        reading.cost_nanos,
        reading.counted,
    )


def test_the_current_conventions() -> None:
    reading = read(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "gcp.gemini",
            "gen_ai.request.model": "gemini-2.5-flash",
            "gen_ai.response.model": "gemini-2.5-flash-001",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 50,
            "gen_ai.usage.cache_read.input_tokens": 40,
            "gen_ai.usage.cache_creation.input_tokens": 10,
            "gen_ai.usage.reasoning.output_tokens": 20,
            "gen_ai.input.messages": "[]",
        }
    )
    assert columns(reading) == ("google-ai-studio", "gemini-2.5-flash", 100, 50, 40, 10, 20, None, True)
    assert reading.attributes["gen_ai.provider.name"] == "gcp.gemini"
    assert list(reading.content) == ["gen_ai.input.messages"]


def test_older_names_of_the_conventions() -> None:
    reading = read(
        {
            "gen_ai.system": "az.ai.openai",
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.prompt_tokens": 5,
            "gen_ai.usage.completion_tokens": 6,
            "gen_ai.prompt": "hello",
            "gen_ai.completion": "world",
        }
    )
    assert columns(reading) == ("azure-openai", "gpt-4o", 5, 6, None, None, None, None, True)
    assert reading.attributes == {
        "gen_ai.provider.name": "azure.ai.openai",
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 5,
        "gen_ai.usage.output_tokens": 6,
    }
    assert reading.content == {"gen_ai.prompt": "hello", "gen_ai.completion": "world"}


def test_openllmetry() -> None:
    reading = read(
        {
            "llm.request.type": "chat",
            "llm.vendor": "Anthropic",
            "llm.request.model": "claude-sonnet-4",
            "llm.usage.prompt_tokens": 8,
            "llm.usage.completion_tokens": 9,
            "gen_ai.usage.cache_read_input_tokens": 4,
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.content": "secret",
            "gen_ai.completion.0.finish_reason": "stop",
            "traceloop.association.properties.user_id": "u1",
        }
    )
    assert columns(reading) == ("anthropic", "claude-sonnet-4", 8, 9, 4, None, None, None, True)
    assert reading.whose == {"end_user": "u1"}
    assert "secret" not in str(reading.attributes)
    workflow: dict[str, Value] = {
        "traceloop.span.kind": "workflow",
        "gen_ai.request.model": "m",
        "gen_ai.usage.output_tokens": 3,
    }
    assert not read(workflow).counted


def test_openinference() -> None:
    reading = read(
        {
            "openinference.span.kind": "LLM",
            "llm.system": "openai",
            "llm.model_name": "gpt-4o",
            "llm.token_count.prompt": 30,
            "llm.token_count.completion": 10,
            "llm.token_count.prompt_details.cache_read": 20,
            "llm.token_count.completion_details.reasoning": 4,
            "llm.cost.total": 0.00123,
            "input.value": "secret",
            "input.mime_type": "application/json",
            "llm.input_messages.0.message.content": "secret",
            "llm.output_messages.0.message.role": "assistant",
        }
    )
    assert columns(reading) == ("openai", "gpt-4o", 30, 10, 20, None, 4, 1_230_000, True)
    assert "secret" not in str(reading.attributes)
    for kind, counted in (
        ("EMBEDDING", True),
        ("CHAIN", False),
        ("AGENT", False),
        ("TOOL", False),
        ("RERANKER", False),
    ):
        span: dict[str, Value] = {"openinference.span.kind": kind, "llm.model_name": "m", "llm.token_count.prompt": 3}
        assert read(span).counted is counted


def test_the_ai_sdk_counts_what_is_sent_and_not_what_is_around_it() -> None:
    inner: dict[str, Value] = {
        "ai.operationId": "ai.generateText.doGenerate",
        "ai.model.id": "gpt-4o",
        "ai.model.provider": "openai.chat",
        "ai.usage.promptTokens": 3,
        "ai.usage.completionTokens": 4,
        "gen_ai.usage.input_tokens": 3,
        "ai.prompt.messages": "secret",
        "ai.response.text": "secret",
        "ai.response.toolCalls": "secret",
        "ai.response.finishReason": "stop",
        "ai.telemetry.metadata.userId": "u1",
    }
    reading = read(inner)
    assert columns(reading) == ("openai", "gpt-4o", 3, 4, None, None, None, None, True)
    assert reading.attributes["gen_ai.response.finish_reasons"] == ["stop"]
    assert "secret" not in str(reading.attributes)
    outer = inner | {"ai.operationId": "ai.generateText"}
    assert not read(outer).counted
    assert read(outer).input_tokens == 3
    tool: dict[str, Value] = {"ai.operationId": "ai.toolCall", "ai.toolCall.args": "secret", "ai.toolCall.name": "f"}
    assert read(tool).attributes == {"ai.operationId": "ai.toolCall", "ai.toolCall.name": "f"}


OPENROUTER: dict[str, Value] = {
    "trace.name": "OpenRouter Request",
    "span.type": "generation",
    "gen_ai.operation.name": "chat",
    "gen_ai.system": "openai",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "openai/gpt-4o",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 20,
    "gen_ai.usage.total_tokens": 120,
    "gen_ai.usage.input_tokens.cached": 64,
    "gen_ai.usage.output_tokens.reasoning": 8,
    "gen_ai.usage.input_cost": 0.0001,
    "gen_ai.usage.output_cost": 0.0002,
    "gen_ai.usage.total_cost": 0.0003,
    "trace.input": "secret",
    "span.output": "secret",
    "gen_ai.prompt": "secret",
    "user.id": "someone",
    "session.id": "s",
    "trace.metadata.openrouter.api_key_name": "prod",
}


def test_openrouters_broadcast_counts_the_root_only() -> None:
    root = read(OPENROUTER, "LLM Generation", scope="openrouter")
    assert columns(root) == ("openai", "openai/gpt-4o", 100, 20, 64, None, 8, 300_000, True)
    assert root.whose == {"user_id": "someone"}
    assert "secret" not in str(root.attributes)
    assert root.attributes["session.id"] == "s"
    attempt = OPENROUTER | {"span.metadata.attempt_index": 0}
    assert not read(attempt, "provider attempt 1: Azure", root=False, scope="openrouter").counted
    for child in ("generation", "moderation"):
        assert not read(OPENROUTER, child, root=False, scope="openrouter").counted
    assert read(OPENROUTER, "my own name", root=False, scope="openrouter").counted, "a root below a caller's span"


def test_cloudflares_exporter() -> None:
    reading = read(
        {
            "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.model.provider": "openai",
            "gen_ai.usage.input_tokens": 7,
            "gen_ai.usage.output_tokens": 2,
            "gen_ai.usage.cost": 0.0000123,
            "gen_ai.prompt_json": "secret",
            "gen_ai.completion_json": "secret",
            "team": "search",
        }
    )
    assert columns(reading) == ("openai", "gpt-4o-mini", 7, 2, None, None, None, 12_300, True)
    assert reading.attributes["team"] == "search"
    assert "secret" not in str(reading.attributes)


def test_claude_code_counts_the_cache_on_top() -> None:
    reading = read(
        {
            "model": "claude-sonnet-4-5",
            "gen_ai.system": "anthropic",
            "input_tokens": 10,
            "output_tokens": 5,
            "cache_read_tokens": 1_000,
            "cache_creation_tokens": 200,
            "query_source": "repl_main_thread",
            "user.email": "me@example.com",
        },
        "claude_code.llm_request",
        root=False,
    )
    assert columns(reading) == ("anthropic", "claude-sonnet-4-5", 1_210, 5, 1_000, 200, None, None, True)
    assert reading.attributes["query_source"] == "repl_main_thread"
    assert reading.whose == {"email": "me@example.com"}
    assert not read({"user_prompt": "secret", "user_prompt_length": 6}, "claude_code.interaction").counted


def test_langfuse_and_pydantic_ai() -> None:
    generation: dict[str, Value] = {
        "langfuse.observation.type": "generation",
        "langfuse.observation.model.name": "gpt-4o",
        "langfuse.observation.input": "secret",
        "langfuse.user.id": "u",
    }
    assert columns(read(generation))[1] == "gpt-4o"
    assert read(generation).counted
    assert read(generation).content == {"langfuse.observation.input": "secret"}
    assert not read(generation | {"langfuse.observation.type": "span"}).counted
    agent: dict[str, Value] = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.output_tokens": 3,
        "operation.cost": 0.5,
        "pydantic_ai.all_messages": "secret",
    }
    assert not read(agent).counted
    assert read(agent).cost_nanos == 500_000_000
    assert read(agent).content == {"pydantic_ai.all_messages": "secret"}


@pytest.mark.parametrize(
    ("operation", "counted"),
    [("chat", True), ("embeddings", True), ("text_completion", True), ("generate_content", True), ("Chat", True),
     ("execute_tool", False), ("invoke_agent", False), ("create_agent", False), ("invoke_workflow", False)],
)  # fmt: skip
def test_the_operation_says_whether_it_is_a_call(operation: str, counted: bool) -> None:
    assert read({"gen_ai.operation.name": operation, "gen_ai.request.model": "m"}).counted is counted


def test_a_span_about_something_else_is_left_as_it_is() -> None:
    given: dict[str, Value] = {"http.request.method": "GET", "url.path": "/", "http.response.body.size": 5}
    reading = read(given)
    assert (reading.attributes, reading.counted, reading.model) == (given, False, None)


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("gen_ai.tool.call.arguments", Role.CONTENT),
        ("gen_ai.tool.call.result", Role.CONTENT),
        ("gen_ai.system_instructions", Role.CONTENT),
        ("traceloop.entity.input", Role.CONTENT),
        ("llm.prompts.0.content", Role.CONTENT),
        ("llm.completions", Role.CONTENT),
        ("gen_ai.completion.truncated", Role.CONTENT),
        ("tool.parameters", Role.CONTENT),
        ("ai.prompt", Role.CONTENT),
        ("ai.embedding", Role.CONTENT),
        ("retrieval.documents.0.document.content", Role.CONTENT),
        ("response.model_output", Role.CONTENT),
        ("http.request.body", Role.CONTENT),
        ("gen_ai.output.type", Role.KEPT),
        ("gen_ai.usage.total_tokens", Role.KEPT),
        ("gen_ai.request.max_tokens", Role.KEPT),
        ("gen_ai.conversation.id", Role.KEPT),
        ("gen_ai.tool.name", Role.KEPT),
        ("db.query.text", Role.KEPT),
        ("messaging.message.id", Role.KEPT),
        ("exception.message", Role.KEPT),
        ("user_prompt_length", Role.KEPT),
        ("openai.api_key", Role.SECRET),
        ("http.request.header.Cookie", Role.SECRET),
        ("tollhouse.entry.kind", Role.WHOSE),
        ("tollhouse.customer.id", Role.WHOSE),
        ("user.id", Role.WHOSE_AND_KEPT),
        ("gen_ai.system", "gen_ai.provider.name"),
    ],
)
def test_what_a_name_means(name: str, role: Role | str) -> None:
    assert role_of(name) == role


def test_every_renamed_name_ends_at_one_that_stays() -> None:
    assert {role_of(name) for name in names.RENAMED.values()} == {Role.KEPT}


@pytest.mark.parametrize(
    ("said", "slug", "name"),
    [
        ("OpenAI", "openai", "openai"),
        ("openai.responses", "openai", "openai"),
        ("gcp.vertex_ai", "google-vertex-ai", "gcp.vertex_ai"),
        ("google.generative-ai", "google-ai-studio", "gcp.gemini"),
        ("aws.bedrock", "aws-bedrock", "aws.bedrock"),
        ("amazon-bedrock", "aws-bedrock", "aws.bedrock"),
        ("mistral_ai", "mistral", "mistral_ai"),
        ("x_ai", "grok", "x_ai"),
        ("workers-ai", "workers-ai", "workers-ai"),
        ("My Own Llama!", "my-own-llama", "my-own-llama"),
        ("***", "unknown", "unknown"),
    ],
)
def test_providers_have_one_name(said: str, slug: str, name: str) -> None:
    assert provider(said) == (slug, name)


@pytest.mark.parametrize(
    ("said", "count"),
    [(5, 5), ("5", 5), (5.0, 5), (0, 0), (True, None), (-1, None), (5.5, None), ("-5", None), ("five", None),
     (10**12, None), (float("nan"), None), (float("inf"), None), ([], None), (None, None)],
)  # fmt: skip
def test_counts_that_cannot_be_are_none(said: Value | None, count: int | None) -> None:
    assert tokens(said) == count


@pytest.mark.parametrize(
    ("said", "amount"),
    [(0.0000001, 100), (1, 10**9), ("0.5", 500_000_000), (0.1, 100_000_000), (-0.1, None), (1e9, None), (True, None),
     (float("nan"), None), (float("inf"), None), ("a lot", None), ([], None), (None, None)],
)  # fmt: skip
def test_costs_that_cannot_be_are_none(said: Value | None, amount: int | None) -> None:
    assert nanos(said) == amount


def test_parts_of_the_cost_add_up_where_no_sum_is_said() -> None:
    assert read(
        {"gen_ai.usage.input_cost": 0.1, "gen_ai.usage.output_cost": 0.2, "llm.model_name": "m"}
    ).cost_nanos == (300_000_000)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        st.one_of(st.text(max_size=30), st.sampled_from([*names.RENAMED, *names.WHOSE, *names.KINDS, *names.HINTS])),
        st.one_of(st.text(max_size=20), st.integers(), st.floats(), st.booleans(), st.lists(st.text(), max_size=3)),
        max_size=12,
    ),
    st.sampled_from(["", "openrouter"]),
    st.sampled_from(["span", "claude_code.llm_request", "provider attempt 1"]),
)
def test_anything_can_be_read(given: dict[str, Value], scope: str, name: str) -> None:
    reading = read(given, name, scope=scope)
    assert not any(key.startswith("tollhouse.") for key in reading.attributes)
    for count in columns(reading)[2:7]:
        assert count is None or (isinstance(count, int) and 0 <= count <= 10**9)


def test_what_names_mean_is_remembered_within_a_bound() -> None:
    fresh = Dialects()
    for number in range(9_000):
        fresh.read("span", {f"name.{number}": 1}, root=True, suspect=False)
    assert len(fresh._roles) < 8_193
    assert len(fresh._plain) < 1_025
