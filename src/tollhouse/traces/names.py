"""What the attributes of the dialects are called, as tables. Pure data, and how a name is looked up in them.

Sources: OpenTelemetry's semantic conventions for generative AI and their history; the constants of OpenLLMetry
(`opentelemetry-semantic-conventions-ai`) and OpenInference (`openinference-semantic-conventions`); the documentation
of the AI SDK, Langfuse, Claude Code, OpenRouter's broadcast and Cloudflare's exporter.
"""

import re
from enum import Enum
from functools import lru_cache
from typing import Final


class Role(Enum):
    """What happens to an attribute that keeps its name."""

    KEPT = 1
    CONTENT = 2
    """Of a prompt or an answer."""
    SECRET = 3
    WHOSE = 4
    """Says whose the span is, and is not kept."""
    WHOSE_AND_KEPT = 5


# fmt: off - tables are read in columns
RENAMED: Final = {
    "ai.model.id": "gen_ai.request.model",
    "embedding.model_name": "gen_ai.request.model",
    "langfuse.observation.model.name": "gen_ai.request.model",
    "llm.model_name": "gen_ai.request.model",
    "llm.request.model": "gen_ai.request.model",
    "llm.request.model_name": "gen_ai.request.model",
    "reranker.model_name": "gen_ai.request.model",
    "ai.response.model": "gen_ai.response.model",
    "llm.response.model": "gen_ai.response.model",
    "llm.response.model_name": "gen_ai.response.model",
    "ai.response.id": "gen_ai.response.id",
    "llm.response.id": "gen_ai.response.id",
    "ai.response.finishReason": "gen_ai.response.finish_reasons",
    "gen_ai.response.finish_reason": "gen_ai.response.finish_reasons",
    "llm.finish_reason": "gen_ai.response.finish_reasons",
    "llm.response.finish_reason": "gen_ai.response.finish_reasons",
    "ai.model.provider": "gen_ai.provider.name",
    "gen_ai.model.provider": "gen_ai.provider.name",
    "gen_ai.system": "gen_ai.provider.name",
    "llm.provider": "gen_ai.provider.name",
    "llm.system": "gen_ai.provider.name",
    "llm.vendor": "gen_ai.provider.name",
    "ai.usage.inputTokens": "gen_ai.usage.input_tokens",
    "ai.usage.promptTokens": "gen_ai.usage.input_tokens",
    "ai.usage.tokens": "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens": "gen_ai.usage.input_tokens",
    "llm.token_count.prompt": "gen_ai.usage.input_tokens",
    "llm.usage.prompt_tokens": "gen_ai.usage.input_tokens",
    "ai.usage.completionTokens": "gen_ai.usage.output_tokens",
    "ai.usage.outputTokens": "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens": "gen_ai.usage.output_tokens",
    "llm.token_count.completion": "gen_ai.usage.output_tokens",
    "llm.usage.completion_tokens": "gen_ai.usage.output_tokens",
    "ai.usage.totalTokens": "gen_ai.usage.total_tokens",
    "llm.token_count.total": "gen_ai.usage.total_tokens",
    "llm.usage.total_tokens": "gen_ai.usage.total_tokens",
    "ai.usage.cachedInputTokens": "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens": "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cached_tokens": "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.details.cache_read_tokens": "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.input_tokens.cached": "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.prompt_tokens_details.cached_tokens": "gen_ai.usage.cache_read.input_tokens",
    "llm.token_count.prompt_details.cache_read": "gen_ai.usage.cache_read.input_tokens",
    "llm.usage.cache_read_input_tokens": "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens": "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_write.input_tokens": "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.details.cache_write_tokens": "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.input_tokens.cache_write": "gen_ai.usage.cache_creation.input_tokens",
    "llm.token_count.prompt_details.cache_write": "gen_ai.usage.cache_creation.input_tokens",
    "llm.usage.cache_creation_input_tokens": "gen_ai.usage.cache_creation.input_tokens",
    "ai.usage.reasoningTokens": "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.details.reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.output_tokens.reasoning": "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "llm.token_count.completion_details.reasoning": "gen_ai.usage.reasoning.output_tokens",
    "llm.usage.reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.total_cost": "gen_ai.usage.cost",
    "llm.cost.total": "gen_ai.usage.cost",
    "operation.cost": "gen_ai.usage.cost",
    "llm.cost.completion": "gen_ai.usage.output_cost",
    "llm.cost.prompt": "gen_ai.usage.input_cost",
    "ai.settings.temperature": "gen_ai.request.temperature",
    "llm.temperature": "gen_ai.request.temperature",
    "llm.top_p": "gen_ai.request.top_p",
    "ai.settings.topP": "gen_ai.request.top_p",
    "ai.settings.maxOutputTokens": "gen_ai.request.max_tokens",
    "ai.settings.maxTokens": "gen_ai.request.max_tokens",
    "llm.request.max_tokens": "gen_ai.request.max_tokens",
}

WHOSE: Final = {
    "tollhouse.customer.id": "customer",
    "trace.metadata.tollhouse.customer.id": "customer",
    "trace.metadata.tollhouse_customer_id": "customer",
    "ai.telemetry.metadata.tollhouse.customer.id": "customer",
    "tollhouse.team.id": "team",
    "trace.metadata.tollhouse.team.id": "team",
    "trace.metadata.tollhouse_team_id": "team",
    "tollhouse.user.id": "user",
    "trace.metadata.tollhouse.user.id": "user",
    "trace.metadata.tollhouse_user_id": "user",
    "user.email": "email",
    "trace.metadata.user_email": "email",
    "user.id": "user_id",
    "ai.telemetry.metadata.userId": "end_user",
    "enduser.id": "end_user",
    "langfuse.user.id": "end_user",
    "trace.metadata.user_id": "end_user",
    "traceloop.association.properties.user_id": "end_user",
}
"""Which part of whose a span is; the order in which parts are asked is in `attribution.py`."""

KINDS: Final = {
    "openinference.span.kind": frozenset({"llm", "embedding"}),
    "traceloop.span.kind": frozenset[str](),
    "langfuse.observation.type": frozenset({"generation", "embedding"}),
    "llm.request.type": frozenset({"chat", "completion", "embedding"}),
}
"""Attributes that say what kind of thing a span is, and which of these kinds are calls to a model."""

AI_SDK_CALLS: Final = frozenset({"doGenerate", "doStream", "doEmbed"})
"""The spans of the AI SDK that are sent to a provider; those around them repeat the sum."""

OPERATIONS: Final = frozenset(
    {
        "chat",
        "completion",
        "embedding",
        "embeddings",
        "generate_content",
        "image_generation",
        "messages",
        "responses",
        "speech",
        "text_completion",
        "transcription",
    }
)

OPENROUTER_CHILDREN: Final = frozenset({"generation", "moderation"})

HINTS: Final = frozenset(
    {
        "gen_ai.operation.name",
        "gen_ai.request.model",
        "gen_ai.response.model",
        "gen_ai.provider.name",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.cost",
    }
)
"""A span with none of these is about something else, and nobody looks closer."""

CLAUDE_CODE_COUNTS: Final = {
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cache_read_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_creation_tokens": "gen_ai.usage.cache_creation.input_tokens",
}

# The conventions' names of providers, and other people's, by our slugs; the first of each is the conventions' own.
_PROVIDERS: Final = {
    "anthropic": ("anthropic", "anthropic.messages"),
    "aws-bedrock": ("aws.bedrock", "amazon-bedrock", "aws", "aws_bedrock", "bedrock"),
    "azure-openai": ("azure.ai.openai", "az.ai.openai", "azure", "azure_openai"),
    "azure-ai-inference": ("azure.ai.inference", "az.ai.inference"),
    "cohere": ("cohere",),
    "deepseek": ("deepseek",),
    "fireworks": ("fireworks", "fireworks-ai"),
    "google-ai-studio": ("gcp.gemini", "gcp.gen_ai", "gemini", "google", "google.generative-ai", "google_genai"),
    "google-vertex-ai": ("gcp.vertex_ai", "google-vertex", "google.vertex", "vertex_ai", "vertexai", "vertex"),
    "grok": ("x_ai", "xai", "x-ai"),
    "groq": ("groq",),
    "ibm-watsonx": ("ibm.watsonx.ai", "watsonx"),
    "mistral": ("mistral_ai", "mistralai"),
    "moonshot": ("moonshot_ai", "moonshotai"),
    "openai": ("openai",),
    "openrouter": ("openrouter",),
    "perplexity-ai": ("perplexity", "perplexity_ai"),
    "workers-ai": ("cloudflare", "workersai", "cloudflare.workers_ai"),
}
# fmt: on
_SLUGS: Final = {name: slug for slug, known in _PROVIDERS.items() for name in (slug, *known)}
_CONVENTIONAL: Final = {slug: known[0] for slug, known in _PROVIDERS.items() if slug != "workers-ai"}
_LONGEST_PROVIDER: Final = 60
_UNUSUAL: Final = re.compile(r"[^a-z0-9]+")

_CONTENT: Final = re.compile(
    r"^(?:gen_ai\.(?:prompt|completion|content|input\.messages|output\.messages|system_instructions|tool\.definitions)"
    r"|llm\.(?:choices|prompts?|completions?|input_messages|output_messages|prompt_template|tools|function_call)"
    r"|(?:trace|span|input|output|retrieval|ai)\.(?:input|output|value|values|documents|prompt|embeddings?)"
    r"|langfuse\.(?:observation|trace)\.(?:input|output)"
    r"|embedding\.(?:embeddings|text)|events$|all_messages|final_result|new_context|user_prompt|system_prompt"
    r"|model_request_parameters|message|pydantic_ai\.)"
    r"|(?:^|[._])(?:prompts?|prompt_json|completions?|completion_json|messages?|contents?|inputs?|outputs?|arguments|args"
    r"|texts?|body|documents|toolcalls|tool_calls|instructions|transcript|response_object|reasoning_details|result"
    r"|parameters|query(?=$|\.text))"
    r"(?:[._]|$)",
)
# Words after which a name is about a prompt or an answer, not its text. `messaging.` and the like are not of models.
_ABOUT: Final = re.compile(
    r"token|usage|cost|price|count|length|size|mime_?type|finish|\.model$|model_name$|(?:^|\.)id$|_ms$|\.type$"
    r"|^(?:messaging|db|rpc|http|url|server|client|network|exception|error|code|thread|process|host|os|k8s|telemetry)\.",
)
_BODY: Final = re.compile(
    r"\.body$|\.body\.(?:content|text)|^gen_ai\.prompt|^gen_ai\.completion|^llm\.(?:input|output)_messages"
)
_SECRET: Final = re.compile(
    r"(?:authorization|api[_-]?key|cookie|password|passwd|secret|access_token|refresh_token|\.headers)$"
)
_OURS: Final = ("tollhouse.",)
_TRUNCATED: Final = ".truncated"


def role_of(key: str) -> Role | str:
    """The name an attribute has in the conventions, or what else is done with it."""
    if (name := RENAMED.get(key)) is not None:
        return name
    if key in WHOSE:
        return Role.WHOSE if "tollhouse" in key else Role.WHOSE_AND_KEPT
    if key.startswith(_OURS):
        return Role.WHOSE  # said in our name: only what stands in `WHOSE` is asked, and nothing is kept
    plain = key.removesuffix(_TRUNCATED).lower()
    if _SECRET.search(plain):
        return Role.SECRET
    return Role.CONTENT if _is_content(_separated(key.removesuffix(_TRUNCATED))) else Role.KEPT


def _separated(key: str) -> str:
    """`ai.toolCall.args` and `ai.tool_call.args` are one name."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower()


def _is_content(key: str) -> bool:
    if _BODY.search(key) and "token" not in key and not key.endswith(".size"):
        return True
    return _CONTENT.search(key) is not None and _ABOUT.search(key) is None


@lru_cache(maxsize=1_024)
def provider(said: str) -> tuple[str, str]:
    """Our slug for a provider, whatever the dialect calls it, and the conventions' `gen_ai.provider.name`.

    A provider that neither knows keeps its name, in our form.
    """
    name = said.lower()
    slug = _SLUGS.get(name) or _SLUGS.get(name.partition(".")[0])  # the AI SDK says `openai.chat`
    slug = slug or _UNUSUAL.sub("-", name).strip("-")[:_LONGEST_PROVIDER] or "unknown"
    return slug, _CONVENTIONAL.get(slug, slug)
