"""Cloudflare's own rows about calls, for comparing books. Pure.

They are a second opinion, not a meter: rows come late, costs are Cloudflare's estimates as floats, accounts made
after September 2026 have no such API, and a gateway of ours keeps none unless somebody switched that on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import msgspec

from tollhouse.cloudflare.api import ManagementError
from tollhouse.foundation.errors import UNREADABLE
from tollhouse.foundation.money import NANOS_PER_USD, Nanos

_DEAREST_USD: Final = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class CallLog:
    """One row. None: Cloudflare does not say (yet). `call_id` is ours, from the metadata that we sent along."""

    id: str
    at: datetime
    provider: str
    model: str
    status: int | None
    tokens_in: int | None
    tokens_out: int | None
    cost: Nanos | None
    call_id: str | None


@dataclass(frozen=True, slots=True)
class GatewayLogs:
    """What a gateway's logs hold of a time. `kept`: rows are being written at present. `offered`: there is such an
    API for this account. `cut`: there are more rows than are read at once."""

    kept: bool
    offered: bool
    rows: Sequence[CallLog] = ()
    cut: bool = False


class _Row(msgspec.Struct):
    """`metadata` is an object on one read and a string on the next."""

    id: str
    created_at: datetime
    provider: str = ""
    model: str = ""
    status_code: int | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: Decimal | None = None
    metadata: dict[str, object] | str | None = None


class _OurMetadata(msgspec.Struct):
    call_id: str | None = None


def read_page(result: msgspec.Raw) -> list[CallLog]:
    """Raises ManagementError for an answer that holds no rows."""
    try:
        rows = msgspec.json.decode(result, type=list[_Row])
    except UNREADABLE as cause:
        raise ManagementError("a page of logs that is none", status=200) from cause
    return [_log(row) for row in rows]


def _log(row: _Row) -> CallLog:
    return CallLog(
        id=row.id,
        at=row.created_at if row.created_at.tzinfo is not None else row.created_at.replace(tzinfo=UTC),
        provider=row.provider,
        model=row.model,
        status=row.status_code,
        tokens_in=row.tokens_in,
        tokens_out=row.tokens_out,
        cost=_nanos(row.cost),
        call_id=_call_id(row.metadata),
    )


def _nanos(usd: Decimal | None) -> Nanos | None:
    """A sum that no call can cost is none."""
    if usd is None or not usd.is_finite() or abs(usd) > _DEAREST_USD:
        return None
    return Nanos(int((usd * NANOS_PER_USD).to_integral_value()))


def _call_id(metadata: dict[str, object] | str | None) -> str | None:
    try:
        if isinstance(metadata, str):
            return msgspec.json.decode(metadata, type=_OurMetadata).call_id
        return msgspec.convert(metadata or {}, _OurMetadata).call_id
    except UNREADABLE:
        return None
