"""Reads usage off an answer as it passes, without owning a socket: bytes in, pieces out.

A stream is relayed in whole events. Most pass untouched and unparsed; an event is opened only if its bytes show
that it matters: usage, an error, the end. Pieces that tell the caller "this was all" are marked `last`, so that
whoever relays can book the call first. Usage that only we asked for is taken out again, exactly.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tollhouse.foundation.errors import UNREADABLE
from tollhouse.foundation.tokens import TokenUsage, usage_from_counts

MAX_EVENT_BYTES: Final = 4 << 20
_UNREAD_LIMIT: Final = 64 << 10
_LARGEST_COUNT: Final = 1 << 28
"""More than any call can have (128 choices of a million tokens); a larger number is an error, not a bill."""

_BOUNDARY: Final = re.compile(rb"\r\n\r\n|\n\n|\r\r")
# A quote inside a JSON string is always escaped, so these bytes are a key and never part of somebody's text.
_USAGE_NULL: Final = re.compile(rb',\s*"usage"\s*:\s*null(?=\s*[,}])|(?<=\{)\s*"usage"\s*:\s*null\s*,')
_MATTERS: Final = re.compile(rb'"usage"\s*:\s*[^n\s]|\[DONE\]|"error"')
_FINISH: Final = re.compile(rb'"finish_reason"\s*:\s*"(\w{1,40})"')

_decode = msgspec.json.decode
_encode = msgspec.json.encode


class MeterOverflow(Exception):
    """One event is larger than any provider sends; the stream is not understood."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes for the caller. `last`: they tell that the answer is over (final usage, an error, `[DONE]`)."""

    data: bytes
    last: bool


@dataclass(slots=True)
class Reading:
    """What is known of an answer so far. `finished`: the provider said that it is complete.

    `usage_final`: the usage came in the chunk without choices that closes a stream, so no more will follow.
    """

    usage: TokenUsage | None = None
    usage_final: bool = False
    model: str | None = None
    response_id: str | None = None
    finish_reasons: tuple[str, ...] = ()
    finished: bool = False
    error: bool = False


class StreamMeter:
    """Sans-I/O reader of one SSE answer. `feed` bytes as they come; `end` when the upstream closed cleanly."""

    def __init__(self, *, strip_usage: bool) -> None:
        self.reading = Reading()
        self._strip = strip_usage
        self._rest = b""
        self._unread: list[bytes] = []
        self._unread_bytes = 0
        self._visible_bytes = 0

    def feed(self, data: bytes) -> list[Piece]:
        """Pieces to pass on now; an event cut in two waits for its second half."""
        held = self._rest + data if self._rest else data
        cut = _last_boundary(held)
        if cut == 0:
            if len(held) > MAX_EVENT_BYTES:
                raise MeterOverflow
            self._rest = held
            return []
        self._rest = held[cut:]
        return self._read_block(held[:cut])

    def end(self) -> list[Piece]:
        """What was left without a closing blank line: an event of its own, or, if it was cut in the middle, nothing."""
        rest, self._rest = self._rest.strip(b"\r\n"), b""
        payload = _payload(rest)
        whole = payload == b"[DONE]" or _json_of(rest) is not None
        return self._read_block(rest + b"\n\n") if rest and (whole or not payload) else []

    def visible_bytes(self) -> int:
        """Bytes of content and tool arguments that the caller could see; for estimates only."""
        self._count_unread()
        return self._visible_bytes

    def _read_block(self, block: bytes) -> list[Piece]:
        self._note(block)
        if self._strip:
            block = _USAGE_NULL.sub(b"", block)
        if _MATTERS.search(block) is None:
            return [Piece(block, last=False)]
        return [piece for event in _events(block) if (piece := self._read_event(event)).data]

    def _note(self, block: bytes) -> None:
        if self.reading.model is None:
            self._read_names(block)
        if b'"finish_reason"' in block:
            reasons = tuple(match.decode() for match in _FINISH.findall(block))
            self.reading.finish_reasons += reasons[: 128 - len(self.reading.finish_reasons)]
        if self.reading.usage is None:
            self._unread.append(block)
            self._unread_bytes += len(block)
            if self._unread_bytes > _UNREAD_LIMIT:
                self._count_unread()

    def _read_names(self, block: bytes) -> None:
        for event in _events(block):
            chunk = _json_of(event)
            if chunk is not None and isinstance(chunk.get("model"), str):
                self.reading.model = _text(chunk["model"])
                self.reading.response_id = _text(chunk.get("id"))
                return

    def _read_event(self, event: bytes) -> Piece:
        payload = _payload(event)
        if payload == b"[DONE]":
            self.reading.finished = True
            return Piece(event, last=True)
        chunk = _json_of(event)
        if chunk is None:
            return Piece(event, last=False)
        if chunk.get("error") is not None:
            self.reading.error = True
            return Piece(event, last=True)
        return self._read_usage(event, chunk) if "usage" in chunk else Piece(event, last=False)

    def _read_usage(self, event: bytes, chunk: dict[str, Any]) -> Piece:
        usage = read_usage(chunk["usage"])
        if usage is not None:
            self.reading.usage = _larger(self.reading.usage, usage)
        final = chunk.get("choices") == [] and isinstance(chunk["usage"], dict)
        self.reading.usage_final |= final and usage is not None
        if not self._strip:
            return Piece(event, last=final)
        if final:
            return Piece(b"", last=True)
        del chunk["usage"]
        return Piece(b"data: " + _encode(chunk) + b"\n\n", last=False)

    def _count_unread(self) -> None:
        for block in self._unread:
            self._visible_bytes += sum(_visible(chunk) for chunk in map(_json_of, _events(block)) if chunk)
        self._unread, self._unread_bytes = [], 0


def read_answer(body: bytes) -> Reading:
    """What a whole JSON answer tells. A body that is not an object tells nothing."""
    try:
        answer = _decode(body)
    except UNREADABLE:
        return Reading()
    if not isinstance(answer, dict):
        return Reading()
    choices = answer.get("choices")
    return Reading(
        usage=read_usage(answer.get("usage")),
        model=_text(answer.get("model")),
        response_id=_text(answer.get("id")),
        finish_reasons=_finish_reasons(choices),
        finished=isinstance(choices, list),
        error=answer.get("error") is not None,
    )


def visible_bytes_of(body: bytes) -> int:
    """Content bytes of a whole JSON answer; for estimates only."""
    try:
        answer = _decode(body)
    except UNREADABLE:
        return len(body)
    return _visible(answer) if isinstance(answer, dict) else len(body)


def read_usage(usage: object) -> TokenUsage | None:
    """OpenAI's usage object as token classes; None if it is missing or has no whole counts.

    Zero is a count: an explicit `0` is exact, only an absent or odd number is unknown.
    """
    if not isinstance(usage, dict):
        return None
    prompt, completion = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    if prompt is None or completion is None:
        return None
    return usage_from_counts(
        input=prompt,
        output=completion,
        cached=_detail(usage, "prompt_tokens_details", "cached_tokens"),
        cache_write=_detail(usage, "prompt_tokens_details", "cache_write_tokens"),
        reasoning=_detail(usage, "completion_tokens_details", "reasoning_tokens"),
    )


def _larger(old: TokenUsage | None, new: TokenUsage) -> TokenUsage:
    """Counts in a stream are cumulative, and some relays send them twice or start at zero: the larger is true."""
    return new if old is None or new.total >= old.total else old


def _detail(usage: dict[str, Any], group: str, name: str) -> int:
    details = usage.get(group)
    return (_count(details.get(name)) or 0) if isinstance(details, dict) else 0


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST_COUNT:
        return None
    return value


def _last_boundary(data: bytes) -> int:
    """The end of the last complete event; 0 if there is none."""
    ends = [data.rfind(mark) + len(mark) for mark in (b"\n\n", b"\r\n\r\n", b"\r\r") if mark in data]
    return max(ends, default=0)


def _events(block: bytes) -> Iterator[bytes]:
    """The events of a block, each with the blank line that ends it."""
    start = 0
    for boundary in _BOUNDARY.finditer(block):
        yield block[start : boundary.end()]
        start = boundary.end()
    if start < len(block):
        yield block[start:]


def _payload(event: bytes) -> bytes:
    """The joined `data:` lines of an event; comments and other fields are not data."""
    lines = [line[5:].removeprefix(b" ") for line in event.splitlines() if line.startswith(b"data:")]
    return b"\n".join(lines).strip()


def _json_of(event: bytes) -> dict[str, Any] | None:
    try:
        chunk = _decode(_payload(event) or b"null")
    except UNREADABLE:
        return None
    return chunk if isinstance(chunk, dict) else None


def _visible(chunk: dict[str, Any]) -> int:
    choices = chunk.get("choices")
    if not isinstance(choices, list):
        return 0
    return sum(_visible_choice(choice) for choice in choices if isinstance(choice, dict))


def _visible_choice(choice: dict[str, Any]) -> int:
    said = choice.get("delta") or choice.get("message") or {}
    if not isinstance(said, dict):
        return 0
    seen = [said.get(name) for name in ("content", "refusal", "reasoning_content", "reasoning")]
    tools = said.get("tool_calls")
    return sum(len(text.encode()) for text in seen if isinstance(text, str)) + (len(_encode(tools)) if tools else 0)


def _finish_reasons(choices: object) -> tuple[str, ...]:
    if not isinstance(choices, list):
        return ()
    reasons = [choice.get("finish_reason") for choice in choices[:128] if isinstance(choice, dict)]
    return tuple(reason for reason in reasons if isinstance(reason, str))


def _text(value: object) -> str | None:
    """A short name from outside; NUL is taken out because Postgres cannot hold it."""
    return value[:200].replace("\x00", "") if isinstance(value, str) else None
