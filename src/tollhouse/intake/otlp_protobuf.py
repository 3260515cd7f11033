"""OTLP's protobuf encoding, walked by hand from the field numbers of `opentelemetry/proto/trace/v1/trace.proto`.

By hand because a generated reader (upb: 11 us for a span with ten attributes, of which 2 are its own and the rest the
way of each value into Python) is no faster than this one, which has applied all limits by then; it takes a batch only
as a whole, so that one byte of bad UTF-8 loses 500 spans; and it makes objects of a body before anybody can count them.
The tests hold this reader against the generated one.

Attributes mostly repeat in a batch: what one was read as is remembered by its bytes, for this one request.
"""

import struct
from collections.abc import Iterator
from typing import Final

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

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_REMEMBERED: Final = 128
_INT64_SIGN: Final = 1 << 63
_CUT_BYTES: Final = 4
_SHORT_NUMBER: Final = 8
_FIELDS_PER_SPAN: Final = 10
_MOST_FIELDS: Final = 5_000
_LARGE_SPAN_BYTES: Final = 16 << 10

# Tags of a span's fields: the field number, and the wire type in the last three bits.
_TRACE_ID, _SPAN_ID, _PARENT, _NAME, _KIND, _START, _END = 0x0A, 0x12, 0x22, 0x2A, 0x30, 0x39, 0x41
_ATTRIBUTE, _DROPPED, _EVENT, _LINK, _STATUS = 0x4A, 0x50, 0x5A, 0x6A, 0x7A
_NO_TRACE: Final = bytes(16)
_NO_SPAN: Final = bytes(8)

_double_at: Final = struct.Struct("<d").unpack_from
_fixed64_at: Final = struct.Struct("<Q").unpack_from

_Part = tuple[int, int, int, int]
"""Field number, wire type, and where its value begins and ends."""


class _Malformed(Exception):
    """These bytes are not protobuf."""


def read(body: bytes, limits: Limits) -> Iterator[Origin | Sent | Rejected]:
    """Every span of a request. Raises BadRequest or TooLarge, at the first step or later."""
    reader = _Reader(limits)
    try:
        for field, wire, begin, end in _parts(body, 0, len(body), reader.budget):
            if field == 1 and wire == _BYTES:
                yield from reader.resource_spans(body, begin, end)
    except _Malformed as cause:
        raise unreadable(str(cause)) from cause


class _Budget:
    """How many fields are looked at: a body of nothing but tiny ones would take seconds without a span in it."""

    __slots__ = ("_left",)

    def __init__(self, most: int) -> None:
        self._left = most

    def spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise _Malformed("it has too many fields")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of up to ten bytes, and where it ends."""
    value = shift = 0
    try:
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & 0xFFFF_FFFF_FFFF_FFFF, at
            shift += 7
            if shift > 63:
                raise _Malformed("a number does not end")
    except IndexError:
        raise _Malformed("it ends in the middle of a number") from None


def _parts(data: bytes, at: int, end: int, budget: _Budget) -> Iterator[_Part]:
    """The fields of the message that lies there; for a number the value itself stands in place of its beginning."""
    while at < end:
        budget.spend()
        tag, at = _varint(data, at)
        field, wire = tag >> 3, tag & 7
        if wire == _BYTES:
            length, at = _varint(data, at)
            if length > end - at:
                raise _Malformed("a field is longer than what it is in")
            yield field, wire, at, at + length
            at += length
        elif wire == _VARINT:
            value, at = _varint(data, at)
            yield field, wire, value, at
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
            if size > end - at:
                raise _Malformed("it ends in the middle of a number")
            yield field, wire, at, at + size
            at += size
        else:
            raise _Malformed(f"there is no wire type {wire}")
    if at > end:
        raise _Malformed("a number is longer than what it is in")


class _Reader:
    """Reads one request; keeps the number of the next span and what attributes were read as."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._next = 0
        self.budget = _Budget(_FIELDS_PER_SPAN * limits.spans)
        self._known: dict[bytes, tuple[str, Value]] = {}
        self._fit_names: dict[bytes, str] = {}

    def resource_spans(self, data: bytes, begin: int, end: int) -> Iterator[Origin | Sent | Rejected]:
        """The resource may stand behind its spans, and a message may come in parts that belong together."""
        resource: dict[str, Value] = {}
        scopes: list[tuple[int, int]] = []
        for field, wire, at, to in _parts(data, begin, end, self.budget):
            if field == 1 and wire == _BYTES:
                self._resource(data, at, to, resource)
            elif field == 2 and wire == _BYTES:
                scopes.append((at, to))
                if len(scopes) > self._limits.spans:
                    raise _Malformed("it has more scopes than it may have spans")
        for at, to in scopes:
            yield from self._scope_spans(data, at, to, resource)

    def _resource(self, data: bytes, begin: int, end: int, resource: dict[str, Value]) -> None:
        for field, wire, at, to in _parts(data, begin, end, self.budget):
            if field == 1 and wire == _BYTES:
                self._attribute(data[at:to], resource)

    def _scope_spans(
        self, data: bytes, begin: int, end: int, resource: dict[str, Value]
    ) -> Iterator[Origin | Sent | Rejected]:
        name = version = ""
        for field, wire, at, to in _parts(data, begin, end, self.budget):
            if field == 1 and wire == _BYTES:
                for inner, inner_wire, inner_at, inner_to in _parts(data, at, to, self.budget):
                    if inner == 1 and inner_wire == _BYTES:
                        name = _text(data[inner_at:inner_to])
                    elif inner == 2 and inner_wire == _BYTES:
                        version = _text(data[inner_at:inner_to])
        most = self._limits.name_chars
        yield Origin(resource, fit_text(name, most), fit_text(version, most))
        for field, wire, at, to in _parts(data, begin, end, self.budget):
            if field == 2 and wire == _BYTES:
                index, self._next = self._next, self._next + 1
                yield over_limit(index, self._limits) or self._one(index, data[at:to])

    def _one(self, index: int, data: bytes) -> Sent | Rejected:
        single: dict[int, bytes] = {}
        try:
            return self._sent(index, data, single)
        except (Unfit, _Malformed) as reason:
            return Rejected(index, single.get(_SPAN_ID, b"")[:8].hex(), str(reason))

    def _sent(self, index: int, data: bytes, single: dict[int, bytes]) -> Sent:
        numbers: dict[int, int] = {}
        raw_attributes: list[bytes] = []
        seen: list[int] = []
        if len(data) > _LARGE_SPAN_BYTES:
            for _ in _parts(data, 0, len(data), _Budget(_MOST_FIELDS)):
                pass  # counted before they are kept
        _fields(data, single, numbers, raw_attributes, seen)
        attributes: dict[str, Value] = {}
        dropped = self._collect(raw_attributes, attributes)
        limits, get = self._limits, numbers.get
        code, message = _status(single[_STATUS]) if _STATUS in single else _NO_STATUS
        return Sent(
            index,
            *_ids(single),
            fit_text(_text(single.get(_NAME, b"")), limits.name_chars) or UNNAMED,
            number_up_to(get(_KIND, 0), MOST_KIND),
            get(_START, 0),
            get(_END, 0),
            number_up_to(code, MOST_STATUS),
            fit_text(message, limits.value_chars) or None,
            attributes,
            seen.count(_EVENT),
            seen.count(_LINK),
            dropped + min(get(_DROPPED, 0), MOST_DROPPED),
        )

    def _collect(self, raw_attributes: list[bytes], into: dict[str, Value]) -> int:
        """Takes attributes; returns how many were not taken."""
        room = self._limits.attributes
        known, looked_at = self._known, raw_attributes[: LOOKED_AT * room]
        dropped = len(raw_attributes) - len(looked_at)
        for raw in looked_at:
            pair = known.get(raw)
            if pair is not None and room > 0:
                into[pair[0]] = pair[1]
                room -= 1
            elif room > 0 and self._short(raw, into):
                room -= 1
            else:
                dropped += not self._attribute(raw, into)
                room = self._limits.attributes - len(into)
        return dropped

    def _short(self, raw: bytes, into: dict[str, Value]) -> bool:
        """Take an attribute of the usual form: a name known to be fit, and a short text or number. False: not so."""
        try:
            at = raw[1] + 2
            key = self._fit_names.get(raw[2:at])
            if key is None or raw[0] != 0x0A or raw[at] != 0x12 or len(raw) != at + 2 + raw[at + 1]:
                return False
            kind, begin = raw[at + 2], at + 4
            if kind == 0x0A and raw[at + 3] == len(raw) - begin < 0x80 and 0 not in raw[begin:]:
                into[key] = _text(raw[begin:])
                return True
            if kind == 0x18 and len(raw) <= at + 3 + _SHORT_NUMBER:
                value, end = _varint(raw, at + 3)
                if end == len(raw):
                    into[key] = value
                    return True
        except IndexError:
            pass
        return False

    def _attribute(self, raw: bytes, into: dict[str, Value]) -> bool:
        """Take one attribute and remember it; False when it is not taken."""
        key, value = _key_value(raw, self._limits)
        before = len(into)
        taken = put(into, key, value, self._limits)
        if taken and key in into and len(into) <= before + 1 and len(raw) <= _LONGEST_REMEMBERED:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
                self._fit_names.clear()
            self._known[raw] = (key, into[key])
            self._fit_names[key.encode()] = key
        return taken


def _fields(
    data: bytes, single: dict[int, bytes], numbers: dict[int, int], attributes: list[bytes], seen: list[int]
) -> None:
    """The fields of one span by their tags, still as bytes; a number that comes again replaces the first."""
    at, end = 0, len(data)
    try:
        while at < end:
            tag = data[at]
            at += 1
            if tag & 7 == _BYTES and tag < 0x80:
                length = data[at]
                at += 1
                if length >= 0x80:
                    length, at = _varint(data, at - 1)
                value = data[at : at + length]
                at += length
                if tag == _ATTRIBUTE:
                    attributes.append(value)
                else:
                    single[tag] = value
                    seen.append(tag)
            elif tag & 7 == _FIXED64 and tag < 0x80:
                numbers[tag] = _fixed64_at(data, at)[0]
                at += 8
            else:
                at = _other(data, at - 1, numbers)
    except (IndexError, struct.error):
        raise _Malformed("it ends in the middle of a field") from None
    if at != end:
        raise _Malformed("a field is longer than the span")


def _other(data: bytes, at: int, numbers: dict[int, int]) -> int:
    """A small number, or a field that we do not know; returns where it ends."""
    if data[at] == _KIND and data[at + 1] < 0x80:
        numbers[_KIND] = data[at + 1]
        return at + 2
    tag, at = _varint(data, at)
    wire = tag & 7
    if tag >> 3 == 0:
        raise _Malformed("there is no field 0")
    if wire == _VARINT:
        numbers[tag], at = _varint(data, at)
        return at
    if wire == _BYTES:
        length, at = _varint(data, at)
        return at + length
    if wire in (_FIXED32, _FIXED64):
        return at + (4 if wire == _FIXED32 else 8)
    raise _Malformed(f"there is no wire type {wire}")


def _ids(single: dict[int, bytes]) -> tuple[str, str, str | None]:
    trace_id, span_id = single.get(_TRACE_ID, b""), single.get(_SPAN_ID, b"")
    parent = single.get(_PARENT, b"")
    if len(trace_id) != 16 or len(span_id) != 8 or (parent and len(parent) != 8):
        return ids_of(trace_id.hex(), span_id.hex(), parent.hex())
    if trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return ids_of(trace_id.hex(), span_id.hex(), "")
    return trace_id.hex(), span_id.hex(), parent.hex() if parent and parent != _NO_SPAN else None


_NO_STATUS: Final = (0, "")
_WITHOUT_MESSAGE: Final = {b"": (0, ""), b"\x18\x00": (0, ""), b"\x18\x01": (1, ""), b"\x18\x02": (2, "")}


def _status(data: bytes) -> tuple[int, str]:
    if (known := _WITHOUT_MESSAGE.get(data)) is not None:
        return known
    code, message = _NO_STATUS
    for field, wire, at, to in _parts(data, 0, len(data), _Budget(_MOST_FIELDS)):
        if field == 2 and wire == _BYTES:
            message = _text(data[at:to])
        elif field == 3 and wire == _VARINT:
            code = at
    return code, message


def _key_value(data: bytes, limits: Limits) -> tuple[str, Plain]:
    return _named_value(data, 0, len(data), limits, limits.depth, _Budget(_MOST_FIELDS))


def _any_value(data: bytes, begin: int, end: int, limits: Limits, depth: int, budget: _Budget) -> Plain:
    value: Plain = None
    for field, wire, at, to in _parts(data, begin, end, budget):
        if wire == _BYTES and field == 1:
            value = _text_up_to(data[at:to], limits.value_chars)
        elif wire == _VARINT and field == 2:
            value = bool(at)
        elif wire == _VARINT and field == 3:
            value = at - (1 << 64) if at & _INT64_SIGN else at
        elif wire == _FIXED64 and field == 4:
            value = _double_at(data, at)[0]
        elif wire == _BYTES and field in (5, 6):
            value = "..." if depth == 0 else _many(data, at, to, limits, depth - 1, budget, named=field == 6)
        elif wire == _BYTES and field == 7:
            value = data[at:to][: limits.value_chars + 1]
    return value


def _many(data: bytes, begin: int, end: int, limits: Limits, depth: int, budget: _Budget, *, named: bool) -> Plain:
    """A list of values, or a map of them. One more than fits is read, which shows that something was cut."""
    items: list[Plain] = []
    by_name: dict[str, Plain] = {}
    for field, wire, at, to in _parts(data, begin, end, budget):
        if len(items) + len(by_name) > limits.items:
            break
        if field != 1 or wire != _BYTES:
            continue
        if named:
            key, value = _named_value(data, at, to, limits, depth, budget)
            by_name[key] = value
        else:
            items.append(_any_value(data, at, to, limits, depth, budget))
    return by_name if named else items


def _named_value(data: bytes, begin: int, end: int, limits: Limits, depth: int, budget: _Budget) -> tuple[str, Plain]:
    key: str = ""
    value: Plain = None
    for field, wire, at, to in _parts(data, begin, end, budget):
        if wire == _BYTES and field == 1:
            key = _text_up_to(data[at:to], limits.key_chars)
        elif wire == _BYTES and field == 2:
            value = _any_value(data, at, to, limits, depth, budget)
    return key, value


def _text(data: bytes) -> str:
    """What is not UTF-8 in it is replaced: a wrong byte in a text is no reason to lose the span."""
    return data.decode("utf-8", "replace")


def _text_up_to(data: bytes, most: int) -> str:
    """As much of a text as will be looked at: one character more than fits shows that something was cut."""
    return _text(data[: _CUT_BYTES * (most + 1)])[: most + 1]
