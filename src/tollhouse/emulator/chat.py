"""A chat request as a provider reads it, and the 400s it answers to what it does not accept.

Messages and codes are OpenAI's; `habits` says who differs. `provider` belongs to the proxy in front of us: nobody
takes it (OpenRouter takes an object of that name, but never a string).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from tollhouse.emulator.faults import MistralFault, ProviderFault
from tollhouse.emulator.habits import Habits, habits_of
from tollhouse.emulator.prompt import Turn, read_turns
from tollhouse.emulator.values import Fields, flag, integer, wrong_type

ToolChoice = Literal["none", "auto", "required"]

MAX_CHOICES: Final = 128
MAX_TOOLS: Final = 128
_REASONING: Final = re.compile(r"(?:.*/)?(?:o[1-9]|gpt-5)")
_EFFORTS: Final = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"})
_FORMATS: Final = frozenset({"text", "json_object", "json_schema"})
_OPENAI_NAMES: Final = """
audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens messages metadata
modalities model moderation n parallel_tool_calls prediction presence_penalty prompt_cache_key prompt_cache_options
prompt_cache_retention reasoning_effort response_format safety_identifier seed service_tier stop store stream
stream_options temperature tool_choice tools top_logprobs top_p user verbosity web_search_options
"""
_OPENAI_FIELDS: Final = frozenset(_OPENAI_NAMES.split())


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    parameters: Fields


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """`tools_bytes` is the compact JSON size of the tools. `forced_tool` is the function that tool_choice names."""

    model: str
    turns: tuple[Turn, ...]
    max_output: int | None
    choices: int
    stream: bool
    include_usage: bool
    usage_unasked: bool
    tools: tuple[Tool, ...]
    tools_bytes: int
    tool_choice: ToolChoice
    forced_tool: str | None
    schema: Fields | None
    reasoning_effort: str | None


def is_reasoning(model: str) -> bool:
    """OpenAI's o- and gpt-5 families think before they speak, whoever serves them."""
    return _REASONING.match(model) is not None


def decode_fields(body: bytes, content_type: str) -> Fields:
    """The body as a JSON object. Raises ProviderFault."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        message = (
            f"Unsupported content type: '{content_type}'. This API method only accepts 'application/json' requests."
        )
        raise ProviderFault(400, message, "unsupported_content_type")
    try:
        return msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as cause:
        raise ProviderFault(400, f"We could not parse the JSON body of your request. ({cause})") from None


def model_of(fields: Fields) -> str:
    """The model as sent. Raises ProviderFault."""
    model = fields.get("model")
    if not isinstance(model, str) or not model:
        raise ProviderFault(400, "you must provide a model parameter", "missing_required_parameter", "model")
    return model


def read_chat(fields: Fields, provider: str, model: str) -> ChatRequest:
    """Everything a provider checks before it starts. Raises ProviderFault."""
    habits = habits_of(provider)
    _refuse_unknown(fields, provider, habits)
    stream = flag(fields, "stream")
    tools, tools_bytes = _tools(fields)
    tool_choice, forced_tool = _tool_choice(fields, tools)
    turns = read_turns(fields)
    return ChatRequest(
        model=model,
        turns=turns,
        max_output=_max_output(fields, habits, model),
        choices=integer(fields, "n", 1, MAX_CHOICES) or 1,
        stream=stream,
        include_usage=_include_usage(fields, stream=stream),
        usage_unasked=habits.usage_unasked,
        tools=tools,
        tools_bytes=tools_bytes,
        tool_choice=tool_choice,
        forced_tool=forced_tool,
        schema=_schema(fields, turns, strict=habits.strict),
        reasoning_effort=_effort(fields),
    )


def _refuse_unknown(fields: Fields, provider: str, habits: Habits) -> None:
    for name in habits.forbidden:
        if name in fields:
            raise MistralFault(422, name)
    named = fields.get("provider")
    unknown = [] if named is None or (provider == "openrouter" and isinstance(named, dict)) else ["provider"]
    if habits.strict:
        unknown += [name for name in fields if name not in _OPENAI_FIELDS]
    if unknown:
        raise ProviderFault(400, f"Unknown parameter: '{unknown[0]}'.", "unknown_parameter", unknown[0])


def _max_output(fields: Fields, habits: Habits, model: str) -> int | None:
    old = integer(fields, "max_tokens", 1)
    new = None if "max_completion_tokens" in habits.ignored else integer(fields, "max_completion_tokens", 1)
    if habits.strict and old is not None:
        _refuse_old_maximum(model, new)
    known = [limit for limit in (old, new) if limit is not None]
    return min(known) if known else None


def _refuse_old_maximum(model: str, new: int | None) -> None:
    if new is not None:
        message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        raise ProviderFault(400, message, "invalid_parameter_combination", "max_tokens")
    if is_reasoning(model):
        message = (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        )
        raise ProviderFault(400, message, "unsupported_parameter", "max_tokens")


def _include_usage(fields: Fields, *, stream: bool) -> bool:
    options = fields.get("stream_options")
    if options is None:
        return False
    if not stream:
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise ProviderFault(400, message, None, "stream_options")
    if not isinstance(options, dict):
        wrong_type("stream_options", "an object", options)
    return flag(options, "include_usage")


def _effort(fields: Fields) -> str | None:
    effort = fields.get("reasoning_effort")
    if effort is None:
        return None
    if not isinstance(effort, str) or effort not in _EFFORTS:
        raise ProviderFault(400, "Invalid value for 'reasoning_effort'.", "invalid_value", "reasoning_effort")
    return effort


# Tools and answer format


def _tools(fields: Fields) -> tuple[tuple[Tool, ...], int]:
    tools = fields.get("tools")
    if tools is None:
        return (), 0
    if not isinstance(tools, list):
        wrong_type("tools", "an array of objects", tools)
    if not 0 < len(tools) <= MAX_TOOLS:
        raise ProviderFault(400, f"Invalid 'tools': expected 1 to {MAX_TOOLS} of them.", None, "tools")
    return tuple(_tool(f"tools[{index}]", tool) for index, tool in enumerate(tools)), len(msgspec.json.encode(tools))


def _tool(param: str, tool: object) -> Tool:
    function = tool.get("function") if isinstance(tool, dict) and tool.get("type") == "function" else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(function, dict) or not isinstance(name, str) or not re.fullmatch(r"[\w-]{1,64}", name):
        raise ProviderFault(400, f"Invalid '{param}.function.name'.", "invalid_value", f"{param}.function.name")
    parameters = function.get("parameters", {})
    if not isinstance(parameters, dict):
        wrong_type(f"{param}.function.parameters", "an object", parameters)
    return Tool(name, parameters)


def _tool_choice(fields: Fields, tools: Sequence[Tool]) -> tuple[ToolChoice, str | None]:
    choice = fields.get("tool_choice")
    for name in ("tool_choice", "parallel_tool_calls"):
        if fields.get(name) is not None and not tools:
            message = f"'{name}' is only allowed when 'tools' are specified."
            raise ProviderFault(400, message, None, name)
    match choice:
        case None:
            return ("auto" if tools else "none"), None
        case "none" | "auto" | "required":
            return choice, None
        case {"type": "function", "function": {"name": str(name)}} if any(tool.name == name for tool in tools):
            return "required", name
    raise ProviderFault(400, "Invalid value: 'tool_choice'.", "invalid_value", "tool_choice")


def _schema(fields: Fields, turns: Sequence[Turn], *, strict: bool) -> Fields | None:
    """The JSON schema the answer must follow; `{}` for any JSON object, None for text."""
    wanted = fields.get("response_format")
    if wanted is None:
        return None
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if not isinstance(wanted, dict) or kind not in _FORMATS:
        raise ProviderFault(400, "Invalid value: 'response_format.type'.", "invalid_value", "response_format.type")
    if kind == "text":
        return None
    if kind == "json_schema":
        return _named_schema(wanted.get("json_schema"))
    if strict and not any("json" in turn.text.lower() for turn in turns):
        message = (
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
        )
        raise ProviderFault(400, message, None, "messages")
    return {}


def _named_schema(named: object) -> Fields:
    if not isinstance(named, dict) or not isinstance(named.get("name"), str):
        missing = "response_format.json_schema.name"
        raise ProviderFault(400, f"Missing required parameter: '{missing}'.", "missing_required_parameter", missing)
    schema = named.get("schema")
    return schema if isinstance(schema, dict) else {}
