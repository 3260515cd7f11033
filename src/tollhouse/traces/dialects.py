"""The dialects in which instrumentations tell of calls to models, normalised to the current GenAI conventions. Pure.

Known: the conventions of OpenTelemetry and their older names (`gen_ai.system`, `gen_ai.usage.prompt_tokens`),
OpenLLMetry (`llm.*`, `traceloop.*`), OpenInference (`llm.token_count.*`, `openinference.span.kind`), the AI SDK of
Vercel (`ai.*`), Langfuse, Claude Code, OpenRouter's broadcast, and Cloudflare's exporter. Names and what each means:
`names.py`.

Prompts and answers are put aside, whatever the dialect calls them: whoever stores the span decides by what its customer
allows, and keeps them without what looks like a credential. What a sender claims in our own name (`tollhouse.*`) says
at most whose the span is.

A span is *counted* when it is one call to a model: not the agent, chain or workflow around it, not an attempt of it.
"""

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

import msgspec

from tollhouse.foundation.logs import redact
from tollhouse.foundation.money import NANOS_PER_USD
from tollhouse.traces import names
from tollhouse.traces.names import Role

Value = str | int | float | bool | list[str]
Given = Mapping[str, Value]

MOST_TOKENS: Final = 1_000_000_000
MOST_USD: Final = 10_000.0
_REMEMBERED: Final = 8_192
_REMEMBERED_SHAPES: Final = 1_024
_SHORT_CHARS: Final = 200
_BLANK: Final = "***"


class Reading(msgspec.Struct, gc=False):
    """What a span says of a call to a model; `whose` has the names that may tell its customer, user and team."""

    attributes: dict[str, Value]
    whose: dict[str, str]
    content: dict[str, Value]
    """Prompts and answers, as they came."""
    model: str | None = None
    provider: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_nanos: int | None = None
    counted: bool = False


class Dialects:
    """Reads spans; remembers, bounded, what the names of attributes mean, because they repeat.

    A program's spans have the same names again and again: whether all of those stay as they are is remembered for
    them together, which is most of what costs time here.
    """

    def __init__(self) -> None:
        self._roles: dict[str, Role | str] = {}
        self._plain: dict[tuple[str, ...], bool] = {}

    def read(self, name: str, given: Given, *, root: bool, scope: str = "", suspect: bool = True) -> Reading:
        """One span. `suspect` False: nothing in it looks like a credential, so nobody need search it for one."""
        plain = not suspect and self._is_plain(tuple(given))
        reading = Reading(dict(given), {}, {}) if plain else self.translate(given, suspect=suspect)
        attributes = reading.attributes
        if name == _CLAUDE_CODE_CALL:
            _read_claude_code(attributes)
        if not names.HINTS.isdisjoint(attributes):
            _columns(reading)
            reading.counted = _is_call(name, attributes, reading, root=root, scope=scope)
        return reading

    def _is_plain(self, given: tuple[str, ...]) -> bool:
        """Whether each of these is kept by the name it has."""
        plain = self._plain.get(given)
        if plain is None:
            if len(self._plain) >= _REMEMBERED_SHAPES:
                self._plain.clear()
            plain = all((self._roles.get(key) or self._learn(key)) is Role.KEPT for key in given)
            self._plain[given] = plain
        return plain

    def translate(self, given: Given, *, suspect: bool = True) -> Reading:
        """Every attribute by the name that it has in the conventions; a name that is there already stays."""
        into = Reading({}, {}, {})
        roles, kept = self._roles, into.attributes
        other: dict[str, Value] = {}
        for key, value in given.items():
            role = roles.get(key) or self._learn(key)
            if role is Role.KEPT:
                kept[key] = redacted(value) if suspect else value
            elif role.__class__ is str:
                other.setdefault(role, value)
            else:
                _special(role, key, value, into)
        for key, value in other.items():
            kept.setdefault(key, redacted(value) if suspect else value)
        return into

    def _learn(self, key: str) -> Role | str:
        if len(self._roles) >= _REMEMBERED:
            self._roles.clear()
        self._roles[key] = role = names.role_of(key)
        return role


def redacted(value: Value) -> Value:
    """Without the secret part of what looks like a key or a token."""
    if isinstance(value, str):
        return redact(value)
    return [redact(item) for item in value] if isinstance(value, list) else value


def _special(role: Role | str, key: str, value: Value, into: Reading) -> None:
    if role is Role.CONTENT:
        into.content[key] = value
    elif role is Role.SECRET:
        into.attributes[key] = _BLANK
    elif isinstance(value, str) and value:
        if role is Role.WHOSE_AND_KEPT:
            into.attributes[key] = value
        if (part := names.WHOSE.get(key)) is not None:
            into.whose[part] = value[:_SHORT_CHARS]


def _columns(reading: Reading) -> None:
    """Model, provider, tokens and cost, from attributes that have their conventional names by now."""
    attributes = reading.attributes
    get = attributes.get
    reading.model = _short(get("gen_ai.request.model")) or _short(get("gen_ai.response.model"))
    if isinstance(reason := get("gen_ai.response.finish_reasons"), str):
        attributes["gen_ai.response.finish_reasons"] = [reason]
    said = _short(get("gen_ai.provider.name"))
    if said is not None:
        reading.provider, attributes["gen_ai.provider.name"] = names.provider(said)
    read_in, read_out = tokens(get("gen_ai.usage.input_tokens")), tokens(get("gen_ai.usage.output_tokens"))
    reading.input_tokens, reading.output_tokens = read_in, read_out
    cached = _part(tokens(get("gen_ai.usage.cache_read.input_tokens")), read_in)
    reading.cached_tokens = cached
    left = None if read_in is None else read_in - (cached or 0)
    reading.cache_write_tokens = _part(tokens(get("gen_ai.usage.cache_creation.input_tokens")), left)
    reading.reasoning_tokens = _part(tokens(get("gen_ai.usage.reasoning.output_tokens")), read_out)
    reading.cost_nanos = _cost(get)


def _short(value: Value | None) -> str | None:
    return value[:_SHORT_CHARS] if isinstance(value, str) and value else None


def tokens(value: Value | None) -> int | None:
    """A count, however it was written; None for what cannot be one."""
    if value.__class__ is int:
        return value if 0 <= value <= MOST_TOKENS else None
    if value is None or value.__class__ is bool:
        return None
    if isinstance(value, str):
        value = int(value) if len(value) <= 10 and value.isdecimal() and value.isascii() else -1
    elif isinstance(value, float):
        value = int(value) if math.isfinite(value) and value.is_integer() else -1
    return value if isinstance(value, int) and 0 <= value <= MOST_TOKENS else None


def _part(part: int | None, whole: int | None) -> int | None:
    """A part is never more than its whole."""
    return part if part is None or whole is None else min(part, whole)


def _cost(get: Callable[[str], Value | None]) -> int | None:
    """What the sender says the call cost, in nano-USD: in all, or the sum of what went in and what came out."""
    whole = nanos(get("gen_ai.usage.cost"))
    if whole is not None:
        return whole
    went_in, came_out = nanos(get("gen_ai.usage.input_cost")), nanos(get("gen_ai.usage.output_cost"))
    return None if went_in is None and came_out is None else (went_in or 0) + (came_out or 0)


def nanos(usd: Value | None) -> int | None:
    """A number of US dollars as nano-USD; None for what no call can cost, which is no reason to lose the span."""
    if usd is None:
        return None
    if isinstance(usd, str):
        try:
            usd = float(usd[:_SHORT_CHARS])
        except ValueError:
            return None
    if not isinstance(usd, int | float) or isinstance(usd, bool) or not 0 <= usd <= MOST_USD:
        return None
    return round(Decimal(repr(usd)) * NANOS_PER_USD)


_CLAUDE_CODE_CALL: Final = "claude_code.llm_request"


def _read_claude_code(attributes: dict[str, Value]) -> None:
    """Plain names, and the counts as Anthropic has them: what was read from the cache or written to it comes on top."""
    counts = {name: tokens(attributes.get(name)) for name in names.CLAUDE_CODE_COUNTS}
    if counts["input_tokens"] is not None:
        cached = (counts["cache_read_tokens"] or 0) + (counts["cache_creation_tokens"] or 0)
        attributes.setdefault("gen_ai.usage.input_tokens", counts["input_tokens"] + cached)
    for plain, conventional in names.CLAUDE_CODE_COUNTS.items():
        count = counts[plain]
        if count is not None:
            attributes.setdefault(conventional, count)
    attributes.setdefault("gen_ai.provider.name", "anthropic")
    attributes.setdefault("gen_ai.operation.name", "chat")
    model = attributes.get("model")
    if isinstance(model, str):
        attributes.setdefault("gen_ai.request.model", model)


def _is_call(name: str, attributes: Given, reading: Reading, *, root: bool, scope: str) -> bool:
    """Whether this is one call to a model. What says so first, in this order, decides."""
    if scope == "openrouter":
        return _is_openrouter_call(name, attributes, root=root)
    for key, calls in names.KINDS.items():
        kind = attributes.get(key)
        if isinstance(kind, str):
            return kind.lower() in calls
    ai_sdk = attributes.get("ai.operationId")
    if isinstance(ai_sdk, str):
        return ai_sdk.rpartition(".")[2] in names.AI_SDK_CALLS
    operation = attributes.get("gen_ai.operation.name")
    if isinstance(operation, str):
        return operation.lower() in names.OPERATIONS
    return reading.model is not None and (reading.output_tokens is not None or reading.provider is not None)


def _is_openrouter_call(name: str, attributes: Given, *, root: bool) -> bool:
    """The generation, not the attempts it is made of, each of which repeats its usage (OpenRouter's broadcast)."""
    if name.startswith("provider attempt") or "span.metadata.attempt_index" in attributes:
        return False
    return root or name not in names.OPENROUTER_CHILDREN
