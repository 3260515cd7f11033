"""Receipts: what one finished call cost and why. Written in the transaction of its ledger entry."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

import msgspec

from tollhouse.db import queries
from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import CallId, CustomerId, KeyId, TeamId, UserId
from tollhouse.foundation.money import Nanos

UsageSource = Literal["provider", "estimated", "none"]
EntryKind = Literal["exact", "estimated", "in_doubt"]

_BEFORE_ALL: Final = CallId("00000000-0000-0000-0000-000000000000")

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


@dataclass(frozen=True, slots=True)
class Spending:
    """What some calls cost together. `first_at`: when the oldest of them began; None without calls."""

    cost: Nanos
    calls: int
    first_at: datetime | None


@dataclass(frozen=True, slots=True)
class PastCall:
    """What must be known of a call to judge it again."""

    call_id: CallId
    at: datetime
    provider: str
    model: str
    hold: Nanos
    cost: Nanos


@dataclass(frozen=True, slots=True)
class Callers:
    """Whose calls: a key's, a user's, a team's, or, with all None, the customer's."""

    customer_id: CustomerId
    key_id: KeyId | None = None
    user_id: UserId | None = None
    team_id: TeamId | None = None


async def write(connection: Connection, receipts: Sequence[Receipt]) -> None:
    """Insert receipts and their usage events; safe to repeat."""
    await _sql.write_receipts(connection, receipts=list(receipts))  # the pool's codec knows structs


async def find(connection: Connection, customer_id: CustomerId, call_id: CallId) -> Receipt | None:
    """The receipt of a call of this customer; None when there is none (yet)."""
    row = await _sql.receipt(connection, customer_id=customer_id, call_id=call_id)
    return None if row is None else _receipt(row)


async def of_calls(
    connection: Connection, customer_id: CustomerId, call_ids: Sequence[CallId]
) -> dict[CallId, Receipt]:
    """Receipts by call; calls without one (yet) are missing."""
    rows = _sql.receipts_of_calls(connection, customer_id=customer_id, call_ids=list(call_ids))
    found = [_receipt(row) async for row in rows]
    return {receipt.call_id: receipt for receipt in found}


async def recent_of_key(
    connection: Connection,
    customer_id: CustomerId,
    key_id: KeyId,
    *,
    most: int,
    before: tuple[datetime, str] | None = None,
) -> list[Receipt]:
    """The key's last calls, newest first; `before`: start and id of the last one seen."""
    at, call_id = before or (None, None)
    rows = _sql.recent_of_key(
        connection, customer_id=customer_id, key_id=key_id, before_at=at, before_id=call_id, most=most
    )
    return [_receipt(row) async for row in rows]


async def spent_by_key(
    connection: Connection, customer_id: CustomerId, key_id: KeyId, *, since: datetime, most: int
) -> Spending:
    """Of the key's calls since then; of the newest `most` of them, if there were more."""
    row = await _sql.spent_by_key(connection, customer_id=customer_id, key_id=key_id, since=since, most=most)
    return Spending(Nanos(row["cost_nanos"]), row["calls"], row["first_at"])


async def past_calls(
    connection: Connection, callers: Callers, *, since: datetime, until: datetime, after: PastCall | None, most: int
) -> list[PastCall]:
    """A page of the calls begun in `since <= t < until`, oldest first; `after`: the last call of the page before."""
    rows = _rows_of_page(
        connection,
        callers,
        after_at=since if after is None else after.at,
        after_id=_BEFORE_ALL if after is None else after.call_id,
        until=until,
        most=most,
    )
    return [_past_call(row) async for row in rows]


def _rows_of_page(connection: Connection, callers: Callers, **page: object) -> AsyncIterator[Mapping[str, Any]]:
    rows: AsyncIterator[Mapping[str, Any]]
    if callers.key_id is not None:
        rows = _sql.past_calls_of_key(connection, customer_id=callers.customer_id, key_id=callers.key_id, **page)
    else:
        rows = _sql.past_calls(
            connection,
            customer_id=callers.customer_id,
            user_id=callers.user_id,
            team_id=callers.team_id,
            **page,
        )
    return rows


def _past_call(row: Mapping[str, Any]) -> PastCall:
    return PastCall(
        CallId(str(row["call_id"])),
        row["started_at"],
        row["provider"],
        row["model"],
        Nanos(row["hold_nanos"]),
        Nanos(row["cost_nanos"]),
    )


def _receipt(row: Mapping[str, Any]) -> Receipt:
    fields = {name: row[name] for name in Receipt.__struct_fields__}
    return Receipt(**(fields | {"call_id": CallId(str(row["call_id"]))}))
