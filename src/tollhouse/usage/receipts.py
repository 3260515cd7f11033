"""Receipts: what one finished call cost and why. Written in the transaction of its ledger entry."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal

import msgspec

from tollhouse.db import queries
from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import CallId, CustomerId, KeyId, TeamId, UserId

UsageSource = Literal["provider", "estimated", "none"]
EntryKind = Literal["exact", "estimated", "in_doubt"]

_sql = queries.load(__file__)


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `receipts`; amounts in nano-USD, durations in milliseconds.

    `outcome` says how the call ended: completed, upstream_error, stream_broken, client_left, timeout, lost.
    """

    call_id: CallId
    customer_id: CustomerId
    key_id: KeyId
    user_id: UserId | None
    team_id: TeamId | None
    provider: str
    model: str
    response_model: str | None = None
    stream: bool = False
    outcome: str
    upstream_status: int | None = None
    usage_source: UsageSource
    input_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    price_version: str | None
    entry_kind: EntryKind
    entry_day: date
    hold_nanos: int
    cost_nanos: int
    clamped_max_tokens: int | None = None
    cf_log_id: str | None = None
    trace_id: str
    span_id: str
    started_at: datetime
    first_byte_ms: int | None = None
    duration_ms: int


async def write(connection: Connection, receipts: Sequence[Receipt]) -> None:
    """Insert receipts and their usage events; safe to repeat."""
    await _sql.write_receipts(connection, receipts=msgspec.to_builtins(receipts))


async def find(connection: Connection, customer_id: CustomerId, call_id: CallId) -> Receipt | None:
    """The receipt of a call of this customer; None when there is none (yet)."""
    row = await _sql.receipt(connection, customer_id=customer_id, call_id=call_id)
    return None if row is None else _receipt(row)


async def recent_of_key(connection: Connection, customer_id: CustomerId, key_id: KeyId, *, most: int) -> list[Receipt]:
    """The key's last calls, newest first."""
    rows = _sql.recent_of_key(connection, customer_id=customer_id, key_id=key_id, most=most)
    return [_receipt(row) async for row in rows]


def _receipt(row: Mapping[str, Any]) -> Receipt:
    fields = {name: row[name] for name in Receipt.__struct_fields__}
    return Receipt(**(fields | {"call_id": CallId(str(row["call_id"]))}))
