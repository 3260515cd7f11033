"""OTLP's JSON encoding: ids in hex, 64-bit numbers as texts or numbers, enums as numbers, unknown fields ignored.

The outer levels are read at once and each span by itself, so that a span which is not as it should be is the only
one lost. What memory a body can take is bounded by its length and by how many objects it has: an object costs more
than the two bytes that it may be written with.
"""

import base64
import binascii
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Raw, Struct

from tollhouse.foundation.errors import UNREADABLE, TooLarge
from tollhouse.intake.otlp import (
    LOOKED_AT,
    MOST_DROPPED,
    MOST_KIND,
    MOST_STATUS,
    REMEMBERED,
    UNNAMED,
    Limits,
    Origin,
    Plain,
    Rejected,
    Sent,
    Unfit,
    Value,
    fit_text,
    ids_of,
    number_up_to,
    over_limit,
    put,
    unreadable,
)

_MOST_OBJECTS: Final = 500_000
_LONGEST_NUMBER: Final = 20
_LONGEST_DOUBLE: Final = 40


class _AnyValue(Struct, rename="camel", gc=False):
    string_value: str | None = None
    int_value: int | str | None = None
    double_value: float | int | str | None = None
    bool_value: bool | None = None
    array_value: "_ArrayValue | None" = None
    kvlist_value: "_KeyValues | None" = None
    bytes_value: str | None = None


class _KeyValue(Struct, gc=False):
    key: str = ""
    value: _AnyValue | None = None


class _ArrayValue(Struct):
    values: list[_AnyValue] | None = None


class _KeyValues(Struct):
    values: list[_KeyValue] | None = None


class _Status(Struct):
    code: int | None = 0
    message: str | None = ""


class _Nothing(Struct, gc=False):
    """An object of which nothing is kept: where only their number counts."""


class _Span(Struct, rename="camel"):
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str | None = ""
    name: str | None = ""
    kind: int | None = 0
    start_time_unix_nano: int | str = 0
    end_time_unix_nano: int | str = 0
    attributes: list[_KeyValue] | None = None
    dropped_attributes_count: int | None = 0
    events: list[_Nothing] | None = None
    links: list[_Nothing] | None = None
    status: _Status | None = None


class _Id(Struct, rename="camel"):
    span_id: str = ""


class _Scope(Struct):
    name: str | None = ""
    version: str | None = ""


class _Resource(Struct):
    attributes: list[_KeyValue] | None = None


class _ScopeSpans(Struct, rename="camel"):
    scope: _Scope | None = None
    spans: list[Raw] | None = None


class _ResourceSpans(Struct, rename="camel"):
    resource: _Resource | None = None
    scope_spans: list[_ScopeSpans] | None = None


class _Request(Struct, rename="camel"):
    resource_spans: list[_ResourceSpans] | None = None


class _ShapeOfScope(Struct, rename="camel"):
    spans: list[_Nothing] | None = None


class _ShapeOfResource(Struct, rename="camel"):
    scope_spans: list[_ShapeOfScope] | None = None


class _Shape(Struct, rename="camel"):
    """A request in which whatever stands in place of a span is an object, and so is counted among them."""

    resource_spans: list[_ShapeOfResource] | None = None


_UNSET: Final = _Status()
_UNSAID: Final = _AnyValue()
_shapes: Final = msgspec.json.Decoder(_Shape)
_requests: Final = msgspec.json.Decoder(_Request)
_spans: Final = msgspec.json.Decoder(_Span)
_ids: Final = msgspec.json.Decoder(_Id)


def read(body: bytes, limits: Limits) -> Iterator[Origin | Sent | Rejected]:
    """Every span of a request. Raises BadRequest or TooLarge, at the first step or later."""
    if body.count(b"{") > _MOST_OBJECTS:
        raise TooLarge(f"The body has more than {_MOST_OBJECTS} objects. Send fewer spans at once.")
    try:
        if body.count(b",") > _MOST_OBJECTS:
            _shapes.decode(body)
        request = _requests.decode(body)
    except UNREADABLE as cause:
        raise unreadable(str(cause)) from cause
    return _Reader(limits).spans_of(request)


class _Reader:
    """Reads one request; remembers which attributes' names are fit, because they repeat."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._fit_names: set[str] = set()

    def spans_of(self, request: _Request) -> Iterator[Origin | Sent | Rejected]:
        index = 0
        for resource_spans in request.resource_spans or ():
            resource: dict[str, Value] = {}
            self._collect(resource_spans.resource.attributes if resource_spans.resource else None, resource)
            for scope_spans in resource_spans.scope_spans or ():
                yield self._origin(resource, scope_spans.scope or _Scope())
                for raw in scope_spans.spans or ():
                    yield over_limit(index, self._limits) or self._one(index, raw)
                    index += 1

    def _origin(self, resource: dict[str, Value], scope: _Scope) -> Origin:
        most = self._limits.name_chars
        return Origin(resource, fit_text(scope.name or "", most), fit_text(scope.version or "", most))

    def _one(self, index: int, raw: Raw) -> Sent | Rejected:
        try:
            return self._sent(index, _spans.decode(raw))
        except Unfit as reason:
            return Rejected(index, _id_of(raw), str(reason))
        except UNREADABLE as cause:
            return Rejected(index, _id_of(raw), f"it is not a span as OTLP's JSON has them: {cause}")

    def _sent(self, index: int, span: _Span) -> Sent:
        attributes: dict[str, Value] = {}
        dropped = self._collect(span.attributes, attributes)
        status, limits = span.status or _UNSET, self._limits
        return Sent(
            index,
            *ids_of(span.trace_id, span.span_id, span.parent_span_id or ""),
            fit_text(span.name or "", limits.name_chars) or UNNAMED,
            number_up_to(span.kind or 0, MOST_KIND),
            _number(span.start_time_unix_nano),
            _number(span.end_time_unix_nano),
            number_up_to(status.code or 0, MOST_STATUS),
            fit_text(status.message or "", limits.value_chars) or None,
            attributes,
            len(span.events or ()),
            len(span.links or ()),
            dropped + min(max(span.dropped_attributes_count or 0, 0), MOST_DROPPED),
        )

    def _collect(self, given: list[_KeyValue] | None, into: dict[str, Value]) -> int:
        """Takes attributes; returns how many were not taken. The first half is the same as `put`, without its price."""
        limits, fit_names = self._limits, self._fit_names
        room, chars = limits.attributes - len(into), limits.value_chars
        looked_at = (given or ())[: LOOKED_AT * limits.attributes]
        dropped = len(given or ()) - len(looked_at)
        for each in looked_at:
            key, value = each.key, each.value
            if value is None:
                continue
            if (text := value.string_value) is not None:
                if key in fit_names and room > 0 and len(text) <= chars and "\0" not in text:
                    into[key] = text
                    room -= 1
                    continue
                plain: Plain = text
            else:
                plain = _plain(value, limits.depth, limits.items)
            if put(into, key, plain, limits):
                if len(fit_names) < REMEMBERED and key in into:
                    fit_names.add(key)
            else:
                dropped += 1
            room = limits.attributes - len(into)
        return dropped


def _id_of(raw: Raw) -> str:
    try:
        return fit_text(_ids.decode(raw).span_id, 16)
    except UNREADABLE:
        return ""


def _plain(value: _AnyValue, depth: int, items: int) -> Plain:
    if value.int_value is not None:
        return _number(value.int_value)
    if value.double_value is not None:
        return _double(value.double_value)
    if value.bool_value is not None:
        return value.bool_value
    if value.bytes_value is not None:
        return _bytes(value.bytes_value)
    return value.string_value if value.string_value is not None else _many(value, depth, items)


def _many(value: _AnyValue, depth: int, items: int) -> Plain:
    """A list or a map of values; one more than fits shows that something was cut."""
    if value.array_value is not None:
        values = (value.array_value.values or ())[: items + 1]
        return [_plain(each, depth - 1, items) for each in values] if depth else "..."
    if value.kvlist_value is not None:
        pairs = (value.kvlist_value.values or ())[: items + 1]
        return {each.key: _plain(each.value or _UNSAID, depth - 1, items) for each in pairs} if depth else "..."
    return None


def _number(given: int | str) -> int:
    """A 64-bit number, however it was written. Raises Unfit."""
    if isinstance(given, int):
        return given
    if len(given) <= _LONGEST_NUMBER and given.removeprefix("-").isdecimal() and given.isascii():
        return int(given)
    raise Unfit(f"{given[:_LONGEST_NUMBER]!r} is not a whole number")


def _double(given: float | str) -> float:
    try:
        return float(given[:_LONGEST_DOUBLE] if isinstance(given, str) else given)
    except (ValueError, OverflowError):
        raise Unfit(f"{str(given)[:_LONGEST_NUMBER]!r} is not a number") from None


def _bytes(given: str) -> bytes:
    try:
        return base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        raise Unfit("a value of bytes is not base64") from None
