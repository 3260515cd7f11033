"""A chat call as its caller wrote it: decoded, checked, and nothing forwarded that we did not read ourselves.

The body is decoded once and what goes upstream is encoded from the decoded object, so a duplicated key or an odd
escape cannot make the bound differ from what is sent. Fields whose cost no price table tells are refused.
"""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from tollhouse.access.tags import LONGEST_TAG, MOST_TAGS, is_tag
from tollhouse.foundation.ids import CallId
from tollhouse.gateway import refusals

Json = dict[str, Any]
"""A JSON object at the border: the caller's body before and after our edits."""

MAX_TOKENS_ACCEPTED: Final = 1_000_000
MAX_CHOICES: Final = 128
MAX_MESSAGES: Final = 20_000
MAX_TOOLS: Final = 1_000
MAX_DEPTH: Final = 64
TAGS_HEADER: Final = b"x-tollhouse-tags"
CONTAINERS_AT_ONCE: Final = 1_000
YIELD_ABOVE_BYTES: Final = 128 << 10
"""Larger bodies are worked on in steps, with a pause for other calls between them."""

_MODEL: Final = re.compile(r"[A-Za-z0-9._:/@+-]{1,200}")

# Fields that decide money or the way: written twice, nobody can tell which one was meant.
_ONCE_ONLY: Final = (
    b'"model"', b'"provider"', b'"max_tokens"', b'"max_completion_tokens"', b'"n"', b'"stream"', b'"messages"',
)  # fmt: skip

# Fields with a cost (or a choice of model) outside the price table. Source: design of the bound, ledger section 3.
_REFUSED: Final = {
    "web_search_options": "asks the provider for searches that are billed apart",
    "audio": "asks for audio, which is priced apart",
    "prediction": "makes rejected prediction tokens billable above the maximum",
    "models": "lets the provider choose among models",
    "route": "lets the provider choose among models",
    "plugins": "adds services that are billed apart",
    "transforms": "lets the provider rewrite the prompt",
    "preset": "lets the provider choose the model",
    "fallbacks": "lets the provider choose among models",
    "search_parameters": "asks the provider for searches that are billed apart",
    "web_search": "asks the provider for searches that are billed apart",
    "speed": "asks for a faster mode at another price",
    "background": "is not supported",
    "best_of": "is not a field of chat calls",
}
# Content that is priced apart from text (audio and video cost up to seven times as much).
_REFUSED_CONTENT: Final = frozenset({"input_audio", "audio_url", "video_url", "input_video"})
_CONTAINERS: Final = (dict, list)
_STANDARD_TTLS: Final = (None, "5m")
_STANDARD_TIERS: Final = ("auto", "default")

_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Arrival:
    """When and under which names a call came in. `call_id` goes back on every answer."""

    call_id: CallId
    trace_id: str
    span_id: str
    parent_span_id: str | None
    at: datetime
    at_ns: int
    at_monotonic: float
    user_agent: bytes | None = None


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A checked chat call. `body` is the decoded object without `provider`; `max_output_tokens` what was asked."""

    body: Json
    model: str
    provider: str | None
    stream: bool
    wants_usage: bool
    choices: int
    max_output_tokens: int | None
    size_bytes: int
    tags: tuple[str, ...] = ()
    """What the caller says that the call is for."""


def read_tags(header: bytes | None) -> tuple[str, ...]:
    """The words of `x-tollhouse-tags`, between commas; raises BadRequest."""
    if header is None:
        return ()
    tags = tuple(dict.fromkeys(tag.strip().decode("latin-1") for tag in header.split(b",") if tag.strip()))
    if len(tags) > MOST_TAGS or not all(is_tag(tag) for tag in tags):
        raise refusals.bad_field(
            "x-tollhouse-tags",
            f"must be at most {MOST_TAGS} words of 1 to {LONGEST_TAG} letters, digits or . _ : / = @ -",
        )
    return tags


async def read_chat(raw: bytes, tags: tuple[str, ...] = ()) -> ChatRequest:
    """Decode and check a body; raises BadRequest that names the field and what it must be."""
    body = await decode(raw)
    await pause(len(raw))
    model = _model(body)
    for field, reason in _REFUSED.items():
        if body.get(field) is not None:
            raise refusals.bad_field(field, f"is refused here: it {reason}", code="unsupported_parameter")
    _check_messages(body)
    if await _mentions(raw, b'"ttl"') or await _mentions(raw, b"\\u"):
        _check_cache_control(body)
    _check_tools(body)
    _check_tier(body)
    stream = _flag(body, "stream")
    return ChatRequest(
        body=body,
        model=model,
        provider=_provider(body),
        stream=stream,
        wants_usage=_wants_usage(body, stream=stream),
        choices=_number(body, "n", most=MAX_CHOICES) or 1,
        max_output_tokens=_max_output(body),
        size_bytes=len(raw),
        tags=tags,
    )


async def decode(raw: bytes) -> Json:
    """The JSON object in `raw`; refuses what is not UTF-8, not an object, too deep, or has a key twice."""
    await pause(len(raw))
    try:
        body = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        raise refusals.bad_json(str(cause)) from cause
    except RecursionError as cause:
        raise refusals.bad_json(f"it is nested deeper than {MAX_DEPTH}") from cause
    if not isinstance(body, dict):
        raise refusals.bad_json("it must be an object")
    await pause(len(raw))
    await _refuse_deep(body)
    await _refuse_twice(raw)
    return body


async def pause(size_bytes: int) -> None:
    """Let other calls have the loop for a turn, between the steps of work on a large body."""
    if size_bytes > YIELD_ABOVE_BYTES:
        await asyncio.sleep(0)


async def _mentions(raw: bytes, mark: bytes) -> bool:
    await pause(len(raw))
    return mark in raw


async def _refuse_twice(raw: bytes) -> None:
    """Refuse a key written twice. The exact look is taken only when a name that matters occurs twice somewhere."""
    for name in _ONCE_ONLY:
        await pause(len(raw))
        if raw.count(name) > 1:
            if len(raw) > YIELD_ABOVE_BYTES:
                await asyncio.to_thread(_look_for_twins, raw)
            else:
                _look_for_twins(raw)
            return


def _look_for_twins(raw: bytes) -> None:
    """Raises BadRequest for a key repeated within one object, anywhere."""
    import json  # the only decoder that shows the pairs

    def pairs(items: list[tuple[str, Any]]) -> Json:
        found = dict(items)
        if len(found) != len(items):
            names = [name for name, _ in items]
            twice = next(name for name in names if names.count(name) > 1)
            raise refusals.bad_field(twice[:100], "is written twice in one object", code="duplicate_key")
        return found

    json.loads(raw, object_pairs_hook=pairs)


async def _refuse_deep(body: Json) -> None:
    """Refuse containers that nest deeper than `MAX_DEPTH`; one level of the whole tree at a time, in slices."""
    layer: list[Any] = [body]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for start in range(0, len(layer), CONTAINERS_AT_ONCE):
            if start:
                await asyncio.sleep(0)
            for container in layer[start : start + CONTAINERS_AT_ONCE]:
                values = container.values() if type(container) is dict else container
                below.extend(child for child in values if type(child) in _CONTAINERS)
        layer = below
        if not layer:
            return
    raise refusals.bad_json(f"it is nested deeper than {MAX_DEPTH}")


def _model(body: Json) -> str:
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise refusals.bad_field("model", "is missing: name the model to call", code="missing_model")
    if not _MODEL.fullmatch(model) or ".." in model or "//" in model:
        raise refusals.bad_field("model", "must be 1 to 200 of the characters A-Z a-z 0-9 . _ : / @ + -")
    return model


def _provider(body: Json) -> str | None:
    provider = body.pop("provider", None)
    if provider is None:
        return None
    if not isinstance(provider, str) or not _MODEL.fullmatch(provider):
        raise refusals.bad_field("provider", "must be the name of a provider, as text")
    return provider


def _check_messages(body: Json) -> None:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        raise refusals.bad_field("messages", "must be a list of one or more message objects")
    if len(messages) > MAX_MESSAGES:
        raise refusals.bad_field("messages", f"must have at most {MAX_MESSAGES} messages")
    if any(part.get("type") in _REFUSED_CONTENT for part in content_parts(messages)):
        raise refusals.bad_field("messages", "must hold no audio or video", code="unsupported_parameter")


def _check_cache_control(body: Json) -> None:
    """Prices are those of the usual five minutes in a provider's cache; an hour costs more and is refused."""
    waiting: list[Any] = [body]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            control = found.get("cache_control")
            if isinstance(control, dict) and control.get("ttl") not in _STANDARD_TTLS:
                raise refusals.bad_field("cache_control.ttl", "must be absent or `5m`", code="unsupported_parameter")
            waiting.extend(found.values())
        elif isinstance(found, list):
            waiting.extend(found)


def content_parts(messages: list[Any]) -> Iterator[Json]:
    """The parts of all messages whose content is a list."""
    for message in messages:
        content = message.get("content")
        if isinstance(content, list):
            yield from (part for part in content if isinstance(part, dict))


def _check_tools(body: Json) -> None:
    tools = body.get("tools")
    if tools is None:
        return
    if not isinstance(tools, list) or len(tools) > MAX_TOOLS or not all(isinstance(t, dict) for t in tools):
        raise refusals.bad_field("tools", f"must be a list of at most {MAX_TOOLS} tool objects")
    if any(tool.get("type") not in ("function", "custom") for tool in tools):
        raise refusals.bad_field(
            "tools",
            "may only hold functions: tools that run at the provider are billed apart",
            code="unsupported_parameter",
        )


def _check_tier(body: Json) -> None:
    """Prices are those of the standard tier, so no other may be asked for."""
    tier = body.pop("service_tier", None)
    if tier is not None and tier not in _STANDARD_TIERS:
        raise refusals.bad_field("service_tier", "must be absent, `auto` or `default`", code="unsupported_parameter")
    modalities = body.get("modalities")
    if modalities is not None and modalities != ["text"]:
        raise refusals.bad_field("modalities", 'must be absent or ["text"]', code="unsupported_parameter")


def _wants_usage(body: Json, *, stream: bool) -> bool:
    options = body.get("stream_options")
    if options is None:
        return False
    if not isinstance(options, dict):
        raise refusals.bad_field("stream_options", "must be an object")
    if not stream:
        raise refusals.bad_field("stream_options", "is only for calls with `stream: true`")
    return _flag(options, "include_usage")


def _max_output(body: Json) -> int | None:
    older = _number(body, "max_tokens", most=MAX_TOKENS_ACCEPTED)
    newer = _number(body, "max_completion_tokens", most=MAX_TOKENS_ACCEPTED)
    if older is not None and newer is not None and older != newer:
        raise refusals.bad_field("max_tokens", "contradicts `max_completion_tokens`: send one of them")
    return older if newer is None else newer


def _number(body: Json, field: str, *, most: int) -> int | None:
    value = body.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise refusals.bad_field(field, f"must be a whole number from 1 to {most}")
    return value


def _flag(body: Json, field: str) -> bool:
    value = body.get(field)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise refusals.bad_field(field, "must be true or false")
    return value
