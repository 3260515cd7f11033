"""What we metered of calls, beside what others say of them, and what corrections do to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from tollhouse.db import queries
from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import CallId, CustomerId
from tollhouse.foundation.money import Nanos
from tollhouse.usage.receipts import EntryKind

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class MeteredCall:
    """`day`: of its entry. Tokens None: nobody told us. `log_id`: Cloudflare's name for its own row of the call."""

    call_id: CallId
    at: datetime
    provider: str
    model: str
    kind: EntryKind
    day: date
    tokens_in: int | None
    tokens_out: int | None
    cost: Nanos
    log_id: str | None


async def metered_calls(
    connection: Connection,
    customer_id: CustomerId,
    *,
    after: tuple[datetime, CallId],
    until: datetime,
    most: int,
) -> list[MeteredCall]:
    """A page of calls, oldest first, begun before `until` and after the call (time, id) of the page before."""
    rows = _sql.metered_calls(
        connection, customer_id=customer_id, after_at=after[0], after_id=after[1], until=until, most=most
    )
    return [_metered(row) async for row in rows]


async def write_adjustment_event(
    connection: Connection, customer_id: CustomerId, entry_id: str, difference: Nanos, at: datetime
) -> None:
    """An adjustment is billed as a call is, by its signed difference. Safe to repeat."""
    await _sql.write_adjustment_event(
        connection, entry_id=entry_id, customer_id=customer_id, cost_nanos=difference, occurred_at=at
    )


def _metered(row: Mapping[str, Any]) -> MeteredCall:
    known = row["usage_source"] == "provider"
    return MeteredCall(
        call_id=CallId(str(row["call_id"])),
        at=row["started_at"],
        provider=row["provider"],
        model=row["model"],
        kind=row["entry_kind"],
        day=row["entry_day"],
        tokens_in=row["input_tokens"] if known else None,
        tokens_out=row["output_tokens"] if known else None,
        cost=Nanos(row["cost_nanos"]),
        log_id=row["cf_log_id"],
    )
