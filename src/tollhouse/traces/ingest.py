"""Spans come in: what is new is kept, and counted once. In the caller's transaction, in one statement.

A span is known by customer, trace, span and source; one that is there stays as it is and counts for nothing. What is
new and counts is added to `rollup_pending` (see `rollups.py`), never to a row that others write, too: so writers of
any number of processes wait for each other only where both write the same span, and those go in in one order
everywhere.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from tollhouse.db import queries
from tollhouse.db.pool import Connection
from tollhouse.foundation.processor import give_way
from tollhouse.traces.spans import Span

PIECE_SPANS: Final = 50
"""So many at once: less than half a millisecond's work to write down, so that nothing beside it waits longer."""

Place = tuple[str, str, str]
"""Customer, trace, span."""

_OWN: Final = frozenset(("trace_id", "span_id"))
_sql = queries.load(__file__)


async def ingest(connection: Connection, spans: Sequence[Span]) -> int:
    """Keep the spans that are new and count them; returns how many were. Safe to repeat.

    Once a transaction for spans that others may be writing at this moment, too: the order holds within a call.
    """
    new = 0
    for piece in _pieces(spans):
        give_way()
        new += await _sql.ingest_spans(connection, **_columns(piece))
    return new


async def withdraw_doubtful(connection: Connection, spans: Sequence[Span]) -> list[Place]:
    """Take those of them out again, and out of all sums, that are kept as in doubt; returns which they were."""
    rows = _sql.withdraw_doubtful(
        connection,
        days=[span.day for span in spans],
        customers=[span.customer_id for span in spans],
        traces=[span.trace_id for span in spans],
        spans=[span.span_id for span in spans],
    )
    return [(row["customer_id"], row["trace_id"], row["span_id"]) async for row in rows]


def place_of(span: Span) -> Place:
    """What a span of one source is known by."""
    return span.customer_id, span.trace_id, span.span_id


def _pieces(spans: Sequence[Span]) -> Iterator[Sequence[Span]]:
    ordered = spans if len(spans) <= PIECE_SPANS else sorted(spans, key=_order)  # one piece the statement orders
    for start in range(0, len(ordered), PIECE_SPANS):
        yield ordered[start : start + PIECE_SPANS]


def _order(span: Span) -> tuple[object, ...]:
    return span.trace_id, span.span_id, span.customer_id, span.day, span.source


def _columns(spans: Sequence[Span]) -> dict[str, object]:
    """Rows turned into columns: an array a column is what goes over the wire fastest, and one value for all faster."""
    columns = zip(*map(msgspec.structs.astuple, spans), strict=True)
    told: dict[str, object] = {}
    for name, column in zip(Span.__struct_fields__, columns, strict=True):
        same = name not in _OWN and _is_same(column)
        told[name] = [] if same else column
        told[f"all_{name}"] = column[0] if same else None
    give_way()
    return told


def _is_same(column: tuple[object, ...]) -> bool:
    first = column[0]
    if isinstance(first, Mapping):  # in which 1 and true, for Python, are equal
        return all(value is first for value in column)
    return column[-1] == first and column.count(first) == len(column)
