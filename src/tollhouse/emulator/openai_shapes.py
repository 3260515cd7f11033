"""An answer in OpenAI's words: one JSON body, or server-sent events.

A stream is a role chunk, content chunks of one token each, a finish chunk - for every choice - then a usage chunk
with empty `choices` if the caller asked for it, then `data: [DONE]`. With usage asked for, all other chunks carry
`"usage": null`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from tollhouse.emulator.provider import Answer, Choice, ToolCall
from tollhouse.foundation.tokens import TokenUsage

UsageTwist = Literal["missing", "null", "zero", "negative", "huge", "twice", "early", "with_finish"]

DONE: Final = b"data: [DONE]\n\n"
_HUGE: Final = 10**12
_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event, and how many visible tokens are out once it is sent."""

    data: bytes
    visible: int


@dataclass(frozen=True, slots=True)
class Telling:
    """How an answer is told. `usage` twists what is reported, never what is billed; `usage_nulls`: other chunks
    say that they have none."""

    answer_id: str
    created: int
    include_usage: bool
    usage_nulls: bool
    usage: UsageTwist | dict[str, object] | None = None
    done: bool = True


def usage_object(usage: TokenUsage) -> dict[str, object]:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.total,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def reported_usage(usage: TokenUsage, twist: UsageTwist | dict[str, object] | None) -> dict[str, object] | None:
    """What the provider says it used; None for `null` (and for `missing`, where the field is left out)."""
    match twist:
        case "missing" | "null":
            return None
        case "zero":
            return usage_object(TokenUsage())
        case "negative":
            return usage_object(TokenUsage(input=-usage.input, output=-usage.output - 1))
        case "huge":
            return usage_object(TokenUsage(input=_HUGE, output=_HUGE))
        case dict():
            return twist
        case _:
            return usage_object(usage)


# One body


def completion(answer: Answer, telling: Telling) -> bytes:
    body: dict[str, object] = {
        "id": telling.answer_id,
        "object": "chat.completion",
        "created": telling.created,
        "model": answer.model,
        "choices": [_choice(index, choice) for index, choice in enumerate(answer.choices)],
        "usage": reported_usage(answer.usage, telling.usage),
        "service_tier": "default",
        "system_fingerprint": _fingerprint(answer),
    }
    if telling.usage == "missing":
        del body["usage"]
    return _encode(body)


def _choice(index: int, choice: Choice) -> dict[str, object]:
    text = "".join(choice.pieces)
    message: dict[str, object] = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    if choice.tool is not None:
        message |= {"content": None, "tool_calls": [_tool_call(choice.tool, text)]}
    return {"index": index, "message": message, "logprobs": None, "finish_reason": choice.finish}


def _tool_call(tool: ToolCall, arguments: str) -> dict[str, object]:
    return {"id": tool.id, "type": "function", "function": {"name": tool.name, "arguments": arguments}}


def _fingerprint(answer: Answer) -> str:
    return f"fp_{answer.digest[:10]}"


# A stream


class _Chunks:
    """Builds chunks around what they have in common."""

    def __init__(self, answer: Answer, telling: Telling) -> None:
        head = {
            "id": telling.answer_id,
            "object": "chat.completion.chunk",
            "created": telling.created,
            "model": answer.model,
            "service_tier": "default",
            "system_fingerprint": _fingerprint(answer),
        }
        self._head = b"data: " + _encode(head)[:-1] + b',"choices":['
        self._tail = b'],"usage":null}\n\n' if telling.usage_nulls else b"]}\n\n"

    def delta(self, index: int, delta: bytes, finish: str | None = None) -> bytes:
        ending = b"null" if finish is None else b'"%s"' % finish.encode()
        choice = b'{"index":%d,"delta":%s,"logprobs":null,"finish_reason":%s}' % (index, delta, ending)
        return self._head + choice + self._tail

    def usage(self, reported: dict[str, object] | None) -> bytes:
        return self._head + b'],"usage":' + _encode(reported) + b"}\n\n"

    def finish_with_usage(self, index: int, finish: str, reported: dict[str, object] | None) -> bytes:
        choice = b'{"index":%d,"delta":{},"logprobs":null,"finish_reason":"%s"}' % (index, finish.encode())
        return self._head + choice + b'],"usage":' + _encode(reported) + b"}\n\n"


def events(answer: Answer, telling: Telling) -> list[Event]:
    """The whole stream, in order."""
    chunks = _Chunks(answer, telling)
    told = [*_choice_events(answer, telling, chunks)]
    visible = told[-1].visible
    if telling.include_usage and telling.usage not in ("missing", "early", "with_finish"):
        usage = Event(chunks.usage(reported_usage(answer.usage, telling.usage)), visible)
        told += [usage, usage] if telling.usage == "twice" else [usage]
    return [*told, Event(DONE, visible)] if telling.done else told


def _choice_events(answer: Answer, telling: Telling, chunks: _Chunks) -> Iterator[Event]:
    visible = 0
    last = len(answer.choices) - 1
    for index, choice in enumerate(answer.choices):
        yield Event(chunks.delta(index, _opening(choice)), visible)
        if telling.include_usage and telling.usage == "early" and index == 0:
            yield Event(chunks.usage(usage_object(answer.usage)), visible)
        for delta in _deltas(choice):
            visible += 1
            yield Event(chunks.delta(index, delta), visible)
        if telling.include_usage and telling.usage == "with_finish" and index == last:
            yield Event(chunks.finish_with_usage(index, choice.finish, usage_object(answer.usage)), visible)
        else:
            yield Event(chunks.delta(index, b"{}", choice.finish), visible)


def _opening(choice: Choice) -> bytes:
    content = b"null" if choice.tool is not None else b'""'
    return b'{"role":"assistant","content":%s,"refusal":null}' % content


def _deltas(choice: Choice) -> Iterator[bytes]:
    """One a visible token: the tool's name first, then its arguments; or the text."""
    if choice.tool is None:
        for piece in choice.pieces:
            yield b'{"content":%s}' % _encode(piece)
        return
    yield b'{"tool_calls":[%s]}' % _encode({"index": 0, **_tool_call(choice.tool, "")})
    for piece in choice.pieces:
        yield b'{"tool_calls":[{"index":0,"function":{"arguments":%s}}]}' % _encode(piece)


def error_event(message: str) -> bytes:
    """What a provider sends when it fails after the 200."""
    error = {"message": message, "type": "server_error", "param": None, "code": "server_error"}
    return b"data: " + _encode({"error": error}) + b"\n\n"
