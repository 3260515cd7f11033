"""Senders and callers have one name each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollhouse.traces import vendors
from tollhouse.traces.vendors import maker, normal, tool_of


@pytest.mark.parametrize(
    ("service", "scope", "language", "vendor", "tool"),
    [
        ("claude-code", "com.anthropic.claude_code.tracing", "nodejs", "anthropic", "claude-code"),
        ("codex_cli_rs", "codex_otel", "rust", "openai", "codex-cli"),
        ("copilot-chat", "copilot-chat", "nodejs", "github", "copilot"),
        ("gemini-cli", "gemini-cli", "nodejs", "google", "gemini-cli"),
        ("openrouter", "openrouter", "", "openrouter", "openrouter"),
        ("checkout", "langfuse-sdk", "python", "langfuse", "checkout"),
        ("checkout", "opentelemetry.instrumentation.openai.v1", "python", "openllmetry", "checkout"),
        ("checkout", "@traceloop/instrumentation-openai", "nodejs", "openllmetry", "checkout"),
        ("checkout", "opentelemetry.instrumentation.openai_v2", "python", "opentelemetry-genai", "checkout"),
        ("checkout", "openinference.instrumentation.openai", "python", "openinference", "checkout"),
        ("checkout", "openinference.instrumentation.langchain", "python", "langchain", "checkout"),
        ("checkout", "@arizeai/openinference-instrumentation-openai", "nodejs", "openinference", "checkout"),
        ("my-app", "ai", "nodejs", "vercel-ai-sdk", "my-app"),
        ("my-app", "ai-things", "nodejs", "opentelemetry-nodejs", "my-app"),
        ("my-app", "pydantic-ai", "python", "pydantic-ai", "my-app"),
        ("unknown_service:node", "ai", "nodejs", "vercel-ai-sdk", "vercel-ai-sdk"),
        ("Checkout Service", "checkout.tracer", "python", "opentelemetry-python", "checkout-service"),
        ("Checkout Service", "", "", "checkout-service", "checkout-service"),
        ("", "Some Scope", "", "some-scope", None),
        ("", "", "", "unknown", None),
        ("tollhouse", "tollhouse", "", "other-tollhouse", "other-tollhouse"),
        ("Tollhouse-Proxy", "", "python", "opentelemetry-python", "other-tollhouse"),
        ("", "tollhouse.gateway", "", "other-tollhouse", None),
    ],
)
def test_who_made_a_span(service: str, scope: str, language: str, vendor: str, tool: str | None) -> None:
    assert maker(service, scope, language) == (vendor, tool)


@pytest.mark.parametrize(
    ("agent", "tool"),
    [
        (b"claude-cli/2.1.119 (external, cli)", "claude-code"),
        (b"codex_cli_rs/0.50.0 (Mac OS 15.0; arm64) iTerm", "codex-cli"),
        (b"OpenAI/Python 3.54.0", "openai-python"),
        (b"AsyncOpenAI/Python 3.54.0", "openai-python"),
        (b"OpenAI/JS 6.1.0", "openai-node"),
        (b"ai/5.0.1 ai-sdk/provider-utils/3.0.0 runtime/node.js/22", "vercel-ai-sdk"),
        (b"python-httpx/0.28.1", "httpx"),
        (b"Python/3.11 aiohttp/3.12", "aiohttp"),
        (b"GitHubCopilotChat/0.30", "copilot"),
        (b"GeminiCLI/0.9 (linux; x64)", "gemini-cli"),
        (b"curl/8.5.0", "curl"),
        (b"OTel-OTLP-Exporter-Python/1.45.2", "opentelemetry-python"),
        (b"Mozilla/5.0 (X11)", "browser"),
        (b"MyApp/1.2 (something)", "myapp"),
        (b"tollhouse/1", "other-tollhouse"),
        (b"\xff\xfe", None),
        (b"", None),
        (None, None),
    ],
)
def test_which_program_calls(agent: bytes | None, tool: str | None) -> None:
    assert tool_of(agent) == tool


def test_cloudflare_is_known_by_a_name_of_its_own() -> None:
    assert vendors.by_attributes({"gen_ai.model.provider": "openai"}) == ("cloudflare", "ai-gateway")
    assert vendors.by_attributes({"gen_ai.provider.name": "openai"}) is None


@given(st.text(max_size=300))
def test_a_normal_name_is_plain_short_and_not_ours(name: str) -> None:
    plain = normal(name)
    assert plain is None or (
        0 < len(plain) <= 60 and plain == plain.lower() and plain.isascii() and plain != "tollhouse"
    )


@given(st.binary(max_size=100))
def test_any_user_agent_has_a_tool_or_none(agent: bytes) -> None:
    tool = tool_of(agent)
    assert tool is None or tool.isascii()
