"""Spans as rows. Attribute names follow the GenAI semantic conventions of OpenTelemetry."""

import os
from collections.abc import Mapping
from datetime import date
from typing import Any, Final, Literal

import msgspec

from tollhouse.db import queries
from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import CustomerId, KeyId, TeamId, UserId

_sql = queries.load(__file__)

VENDOR: Final = "tollhouse"
"""Whose spans those of our own calls are."""

KIND_CLIENT: Final = 3
STATUS_UNSET: Final = 0
STATUS_OK: Final = 1
STATUS_ERROR: Final = 2

Source = Literal["proxy", "otlp"]
Attributes = Mapping[str, "str | int | float | bool | list[str]"]


class Span(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row of `telemetry_spans`.

    `day` is its partition: the UTC day of `start_ns`; of our own calls, the day of the ledger's entry. `source` says
    who wrote it, and `cost_nanos` is what we metered only where that is us. `counted`: it is one call to a model.
    """

    day: date
    customer_id: CustomerId
    trace_id: str
    span_id: str
    parent_span_id: str | None = None
    user_id: UserId | None = None
    team_id: TeamId | None = None
    key_id: KeyId | None = None
    vendor: str
    tool: str | None = None
    name: str
    kind: int = KIND_CLIENT
    start_ns: int
    end_ns: int
    status: int = STATUS_UNSET
    status_message: str | None = None
    model: str | None = None
    provider: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_nanos: int | None = None
    attributes: Attributes = {}
    resource_attributes: Attributes = {}
    source: Source = "proxy"
    counted: bool = True


def new_trace_id() -> str:
    """32 hex digits, as W3C Trace Context has them."""
    return os.urandom(16).hex()


def new_span_id() -> str:
    """16 hex digits."""
    return os.urandom(8).hex()


async def recent(
    connection: Connection,
    customer_id: CustomerId,
    *,
    most: int,
    before: tuple[int, str] | None = None,
    trace_id: str | None = None,
) -> list[Span]:
    """A customer's spans, newest first; `before` is (start_ns, span_id) of the last row of the page before."""
    page = {"before_ns": before[0] if before else None, "before_span": before[1] if before else None, "most": most}
    if trace_id is None:
        rows = _sql.recent_spans(connection, customer_id=customer_id, **page)
    else:
        rows = _sql.recent_of_trace(connection, customer_id=customer_id, trace_id=trace_id, **page)
    return [of_row(row) async for row in rows]


def of_row(row: Mapping[str, Any]) -> Span:
    """A row of `telemetry_spans`, whatever else stands in it."""
    return Span(**{name: row[name] for name in Span.__struct_fields__ if name in row})
