"""Exporters as rows: where a customer has the spans of its calls sent, and how that goes.

Headers may hold secrets, so all of them are sealed as one secret before they come here, and opened elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, cast

from tollhouse.db import queries
from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import CustomerId, UserId
from tollhouse.foundation.sealing import Envelope

PURPOSE: Final = "tollhouse: headers of exporters"
"""What their master keys are derived for."""

Encoding = Literal["json", "protobuf"]
Compression = Literal["none", "gzip"]

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class Terms:
    """What people set. `include_content`: prompts and answers go along, should a span ever hold them."""

    name: str
    url: str
    encoding: Encoding
    compression: Compression
    enabled: bool
    include_content: bool


@dataclass(frozen=True, slots=True)
class Headers:
    """Names to be shown, and all names and values as one sealed secret; None: there are no headers."""

    names: tuple[str, ...] = ()
    envelope: Envelope | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How it goes. `failures` are tries in a row; `refused` by the receiver, `skipped` by us; `last_error` stays until
    there is another one, so compare its time with the last success."""

    last_success_at: datetime | None
    last_failure_at: datetime | None
    last_status: int | None
    last_error: str | None
    failures: int
    next_try_at: datetime
    queued: int
    oldest_queued_at: datetime | None
    sent: int
    refused: int
    skipped: int


@dataclass(frozen=True, slots=True)
class Exporter:
    """One row."""

    id: str
    customer_id: CustomerId
    terms: Terms
    headers: Headers
    progress: Progress
    created_at: datetime
    changed_at: datetime
    created_by_user_id: UserId | None


@dataclass(frozen=True, slots=True)
class Sealed:
    """The headers of one exporter, for whoever wraps them anew."""

    id: str
    customer_id: CustomerId
    envelope: Envelope


async def of_customer(connection: Connection, customer_id: CustomerId) -> list[Exporter]:
    """In the order in which they were made."""
    return [_exporter(row) async for row in _sql.exporters_of(connection, customer_id=customer_id)]


async def find(connection: Connection, customer_id: CustomerId, exporter_id: str) -> Exporter | None:
    row = await _sql.exporter(connection, customer_id=customer_id, id=exporter_id)
    return None if row is None else _exporter(row)


async def lock(connection: Connection, customer_id: CustomerId, exporter_id: str) -> Exporter | None:
    """The exporter, until the transaction ends."""
    await _sql.lock_exporter(connection, customer_id=customer_id, id=exporter_id)
    return await find(connection, customer_id, exporter_id)


async def lock_all(connection: Connection, customer_id: CustomerId) -> None:
    """Nobody else adds one to this customer until the transaction ends."""
    await _sql.lock_customer(connection, customer_id=customer_id)


async def insert(
    connection: Connection, customer_id: CustomerId, exporter_id: str, terms: Terms, headers: Headers, by: UserId
) -> None:
    await _sql.insert_exporter(
        connection, id=exporter_id, customer_id=customer_id, created_by_user_id=by, **_columns(terms, headers)
    )


async def update(
    connection: Connection, customer_id: CustomerId, exporter_id: str, terms: Terms, headers: Headers
) -> None:
    await _sql.update_exporter(connection, id=exporter_id, customer_id=customer_id, **_columns(terms, headers))


async def delete(connection: Connection, customer_id: CustomerId, exporter_id: str) -> None:
    await _sql.delete_exporter(connection, customer_id=customer_id, id=exporter_id)


async def wake(connection: Connection, customer_id: CustomerId, exporter_id: str) -> None:
    """Try again now, whatever was waited for."""
    await _sql.wake_exporter(connection, customer_id=customer_id, id=exporter_id)


async def sealed_page(connection: Connection, after: Sealed | None, most: int) -> list[Sealed]:
    """Of all customers, in an order that stays; `after`: the last one of the page before."""
    last = "" if after is None else after.id
    return [_sealed(row) async for row in _sql.sealed_after(connection, after=last, most=most)]


async def sealed(connection: Connection, exporter_id: str) -> Sealed | None:
    """As it is now; None when it or its headers are gone."""
    row = await _sql.sealed_exporter(connection, id=exporter_id)
    return None if row is None else _sealed(row)


async def rewrap(connection: Connection, seen: Sealed, envelope: Envelope) -> bool:
    """Store the same secret with its data key wrapped anew; False if it is not as it was seen any more."""
    swapped: bool | None = await _sql.rewrap_exporter(
        connection,
        id=seen.id,
        sealed=seen.envelope.sealed,
        seen_wrapped=seen.envelope.wrapped,
        wrapped=envelope.wrapped,
        master_key_id=envelope.master_key_id,
    )
    return swapped is True


def _columns(terms: Terms, headers: Headers) -> dict[str, object]:
    envelope = headers.envelope
    return {
        "name": terms.name,
        "url": terms.url,
        "encoding": terms.encoding,
        "compression": terms.compression,
        "enabled": terms.enabled,
        "include_content": terms.include_content,
        "header_names": list(headers.names),
        "sealed": None if envelope is None else envelope.sealed,
        "wrapped": None if envelope is None else envelope.wrapped,
        "master_key_id": None if envelope is None else envelope.master_key_id,
    }


def terms_of(row: Mapping[str, Any]) -> Terms:
    return Terms(
        name=row["name"],
        url=row["url"],
        encoding=row["encoding"],
        compression=row["compression"],
        enabled=row["enabled"],
        include_content=row["include_content"],
    )


def headers_of(row: Mapping[str, Any]) -> Headers:
    sealed_, wrapped, master_key_id = row["sealed"], row["wrapped"], row["master_key_id"]
    envelope = None if sealed_ is None else Envelope(sealed_, wrapped, master_key_id)
    return Headers(tuple(row["header_names"]), envelope)


def _sealed(row: Mapping[str, Any]) -> Sealed:
    envelope = Envelope(row["sealed"], row["wrapped"], row["master_key_id"])
    return Sealed(row["id"], CustomerId(row["customer_id"]), envelope)


def _exporter(row: Mapping[str, Any]) -> Exporter:
    return Exporter(
        id=row["id"],
        customer_id=CustomerId(row["customer_id"]),
        terms=terms_of(row),
        headers=headers_of(row),
        progress=_progress(row),
        created_at=row["created_at"],
        changed_at=row["changed_at"],
        created_by_user_id=cast("UserId | None", row["created_by_user_id"]),
    )


def _progress(row: Mapping[str, Any]) -> Progress:
    return Progress(
        last_success_at=row["last_success_at"],
        last_failure_at=row["last_failure_at"],
        last_status=row["last_status"],
        last_error=row["last_error"],
        failures=row["failures"],
        next_try_at=row["due_at"],
        queued=row["queued"],
        oldest_queued_at=row["oldest_queued_at"],
        sent=row["sent_spans"],
        refused=row["refused_spans"],
        skipped=row["skipped_spans"],
    )
