"""What waits to be exported: a row for each span and exporter, written with the span, deleted when it has arrived.

So there is no cursor that could pass a span by: several workers commit in any order, and what is visible is what
waits. At least once: whoever dies between sending and saying so leaves the batch to be sent again. An exporter is
*claimed* by one process at a time; who lost the claim changes nothing any more. Spans that others sent us never come
here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import msgspec

from tollhouse.db import queries
from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import CustomerId, new_id
from tollhouse.traces.exports.exporters import Headers, Terms, headers_of, terms_of
from tollhouse.traces.spans import Span

MOST_BATCH_SPANS: Final = 512
MOST_BATCH_BYTES: Final = 1 << 20
MOST_QUEUED: Final = 100_000
OLDEST: Final = timedelta(hours=24)

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class Claimed:
    """An exporter whose turn it is, and ours alone. `failures`: tries in a row that went wrong."""

    id: str
    claim: str
    customer_id: CustomerId
    terms: Terms
    headers: Headers
    failures: int
    batch_spans: int


@dataclass(frozen=True, slots=True)
class Batch:
    """The oldest spans that wait; `ids` are their places in the queue."""

    ids: tuple[int, ...]
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """How a try ended. `done`: the batch need not be sent again; `refused` of its spans were never taken."""

    done: bool
    failed: bool
    wait: timedelta
    batch_spans: int
    status: int | None
    error: str | None
    refused: int = 0


async def offer(connection: Connection, spans: Sequence[Span]) -> None:
    """Queue spans of ours for whoever wants them. In the transaction that writes them, before they are written."""
    customer_ids = list({span.customer_id for span in spans})
    wanting = [
        (row["id"], row["customer_id"]) async for row in _sql.exporters_wanting(connection, customer_ids=customer_ids)
    ]
    for exporter_id, customer_id in wanting:
        theirs = [span for span in spans if span.customer_id == customer_id]
        await _sql.queue_spans(
            connection,
            exporter_ids=[exporter_id] * len(theirs),
            spans=[_encoder.encode(span) for span in theirs],
            days=[span.day for span in theirs],
            customer_ids=[span.customer_id for span in theirs],
            trace_ids=[span.trace_id for span in theirs],
            span_ids=[span.span_id for span in theirs],
        )


async def claim(connection: Connection, *, most: int, hold: timedelta) -> list[Claimed]:
    """Take exporters that have something to send; nobody else gets them for `hold`."""
    name = new_id()
    return [
        Claimed(
            id=row["id"],
            claim=name,
            customer_id=CustomerId(row["customer_id"]),
            terms=terms_of(row),
            headers=headers_of(row),
            failures=row["failures"],
            batch_spans=row["batch_spans"],
        )
        async for row in _sql.claim_exporters(connection, claim=name, most=most, hold=hold)
    ]


async def oldest(connection: Connection, exporter: Claimed) -> Batch:
    """What to send next."""
    rows = [
        row
        async for row in _sql.queued_spans(
            connection, exporter_id=exporter.id, most=exporter.batch_spans, most_bytes=MOST_BATCH_BYTES
        )
    ]
    return Batch(tuple(row["id"] for row in rows), tuple(_decoder.decode(row["span"]) for row in rows))


async def note(connection: Connection, exporter: Claimed, batch: Batch, result: Result) -> bool:
    """Write down how a try went, and let the exporter go; False if it was changed meanwhile."""
    mine: int = await _sql.note_export(
        connection,
        exporter_id=exporter.id,
        claim=exporter.claim,
        wait=result.wait,
        failed=result.failed,
        batch_spans=result.batch_spans,
        status=result.status,
        error=result.error,
        sent=len(batch.ids) - result.refused if result.done else 0,
        refused=result.refused,
        done=list(batch.ids) if result.done else [],
    )
    return mine == 1


async def tidy(connection: Connection, *, most: int = MOST_QUEUED, oldest_age: timedelta = OLDEST) -> bool:
    """Give up what waited for too long or is too much, for each exporter. False: another process is at it.

    In a transaction of its own.
    """
    if not await _sql.tidy_lock(connection):
        return False
    await _sql.skip_old(connection, most=most, oldest=oldest_age)
    await _sql.forget_orphans(connection)
    return True


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Span)
