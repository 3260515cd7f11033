"""What senders of OTLP say, in one form for both encodings, and how much of it is taken. Sans-I/O.

`otlp_json` and `otlp_protobuf` walk a body and yield `Origin` before the spans that come from it, and for each span
`Sent` or, when it cannot be taken, `Rejected`: one bad span spoils no other. Texts are made fit for PostgreSQL here
(no NUL), and what is too long is cut; the attribute `<key>.truncated` says so. Events and links are only counted:
what they hold is mostly prompts and answers.
"""

import base64
import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from tollhouse.foundation.errors import BadRequest, TooLarge

Value = str | int | float | bool | list[str]
Plain = Value | None | bytes | list["Plain"] | dict[str, "Plain"]
"""An AnyValue with everything that may be in one; `fit` makes a `Value` of it."""

_INT64: Final = 1 << 63
_HEX_OF_TRACE: Final = re.compile(r"[0-9a-fA-F]{32}")
_HEX_OF_SPAN: Final = re.compile(r"[0-9a-fA-F]{16}")
_NO_TRACE: Final = "0" * 32
_NO_SPAN: Final = "0" * 16
_SHOWN_REASONS: Final = 5
MOST_KIND: Final = 5
MOST_STATUS: Final = 2
MOST_DROPPED: Final = 1_000_000
_SHOWN_CHARS: Final = 64
TRUNCATED: Final = ".truncated"
UNNAMED: Final = "unnamed"
REMEMBERED: Final = 4_096
"""Attributes, or names of them, that a reader remembers within a request."""
LOOKED_AT: Final = 4
"""Times as many attributes as may be kept; those behind are only counted."""


class Limits(msgspec.Struct, frozen=True):
    """How much of a request and of a span is taken."""

    spans: int = 10_000
    attributes: int = 128
    key_chars: int = 200
    value_chars: int = 8_192
    name_chars: int = 200
    items: int = 64
    depth: int = 6


class Origin(msgspec.Struct, frozen=True):
    """Where the spans that follow come from: the resource and the instrumentation scope."""

    resource: dict[str, Value]
    scope: str = ""
    version: str = ""


class Sent(msgspec.Struct, gc=False):
    """A span as it was sent; ids are lower-case hex, `parent_span_id` None for a root."""

    index: int
    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    kind: int
    start_ns: int
    end_ns: int
    status: int
    status_message: str | None
    attributes: dict[str, Value]
    events: int = 0
    links: int = 0
    dropped: int = 0
    """Attributes that were not taken, by the sender or by us."""


class Rejected(msgspec.Struct, frozen=True):
    """A span that cannot be taken: its place in the request, its id as far as it is known, and why."""

    index: int
    span_id: str
    reason: str


class Unfit(Exception):
    """A span that cannot be taken; the message says why."""


def ids_of(trace_id: str, span_id: str, parent: str) -> tuple[str, str, str | None]:
    """The ids of a span in lower case; the parent's is None for a root. Raises Unfit."""
    if not _HEX_OF_TRACE.fullmatch(trace_id) or trace_id == _NO_TRACE:
        raise Unfit("the trace id must be 32 hex digits, not all of them 0")
    if not _HEX_OF_SPAN.fullmatch(span_id) or span_id == _NO_SPAN:
        raise Unfit("the span id must be 16 hex digits, not all of them 0")
    if parent and not _HEX_OF_SPAN.fullmatch(parent):
        raise Unfit("the parent's span id must be 16 hex digits, or missing")
    return trace_id.lower(), span_id.lower(), parent.lower() if parent and parent != _NO_SPAN else None


def fit_text(text: str, most: int) -> str:
    """Not longer than that, and with nothing that PostgreSQL does not store."""
    if len(text) > most:
        text = text[:most]
    return text.replace("\0", "\ufffd") if "\0" in text else text


def put(attributes: dict[str, Value], key: str, value: Plain, limits: Limits) -> bool:
    """Take an attribute as far as it fits; False when it is not taken at all."""
    if not key or len(key) > limits.key_chars or len(attributes) >= limits.attributes:
        return False
    key = fit_text(key, limits.key_chars)
    fitting, cut = fit(value, limits)
    if fitting is None:
        return value is None  # an attribute without a value says nothing, and nothing is lost
    attributes[key] = fitting
    if cut:
        attributes[key + TRUNCATED] = True
    return True


def fit(value: Plain, limits: Limits) -> tuple[Value | None, bool]:
    """What an attribute may hold, and whether something of it was cut off. None: nothing of it."""
    if isinstance(value, bool) or value is None:
        return value, False
    if isinstance(value, int):
        return (value if -_INT64 <= value < _INT64 else str(value)[:_SHOWN_CHARS]), False
    if isinstance(value, float):
        return (value if value - value == 0 else str(value)), False  # NaN and infinities are no JSON
    if isinstance(value, bytes):
        value = base64.b64encode(value[: limits.value_chars]).decode()
    if isinstance(value, str):
        return fit_text(value, limits.value_chars), len(value) > limits.value_chars
    return _fit_many(value, limits)


def _fit_many(value: "list[Plain] | list[str] | dict[str, Plain]", limits: Limits) -> tuple[Value, bool]:
    """A list of plain values stays a list, of texts; whatever is nested becomes JSON in one text."""
    if isinstance(value, list) and not any(isinstance(item, list | dict | bytes) for item in value):
        most = limits.value_chars // 8
        items = [item if isinstance(item, str) else _as_text(item) for item in value[: limits.items]]
        cut = len(value) > limits.items or any(len(item) > most for item in items)
        return [fit_text(item, most) for item in items], cut
    text = msgspec.json.encode(value).decode()
    return fit_text(text, limits.value_chars), len(text) > limits.value_chars


def _as_text(item: Plain) -> str:
    return "" if item is None else msgspec.json.encode(item).decode()


def too_many_spans(limits: Limits) -> TooLarge:
    return TooLarge(f"More than {2 * limits.spans} spans in one request; send at most {limits.spans} at once.")


def unreadable(reason: str) -> BadRequest:
    return BadRequest(f"The body is not an OTLP trace request that we can read: {reason}.", code="invalid_otlp")


def over_limit(index: int, limits: Limits) -> Rejected | None:
    """What becomes of the span with this number, by its number alone. Raises TooLarge far beyond the limit."""
    if index < limits.spans:
        return None
    if index >= 2 * limits.spans:
        raise too_many_spans(limits)
    return Rejected(index, "", f"a request may have {limits.spans} spans")


def summary(rejected: Iterable[Rejected], count: int) -> str:
    """Which spans and why, for the person who reads the sender's log; not longer than that person's patience."""
    shown = [f"span {each.index} ({each.span_id or 'id unknown'}): {each.reason}" for each in rejected]
    more = count - _SHOWN_REASONS
    return "; ".join(shown[:_SHOWN_REASONS]) + (f"; and {more} more" if more > 0 else "")


def number_up_to(value: int, most: int) -> int:
    """An enum's number if there is such a one, else 0, which means unspecified."""
    return value if 0 <= value <= most else 0


def text_of(attributes: Mapping[str, Value], key: str) -> str:
    """The attribute, if it is a text; otherwise an empty one."""
    value = attributes.get(key)
    return value if isinstance(value, str) else ""
