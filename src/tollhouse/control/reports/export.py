"""Spans that match, all of them up to a bound, read page by page in slices of time as a search does."""

from collections.abc import AsyncIterator
from typing import Final

from tollhouse.control.reports.search import Place, Wanted, matching_of
from tollhouse.db import queries
from tollhouse.db.pool import Database
from tollhouse.foundation.ids import CustomerId
from tollhouse.traces.spans import Span, of_row

MOST_EXPORTED: Final = 100_000
MOST_AT_ONCE: Final = 500
_SLICE_NS: Final = 3_600_000_000_000
_LONGEST_SLICE_NS: Final = 24 * _SLICE_NS
_NO_SPAN: Final = "0" * 16

_sql = queries.load(__file__)


async def spans(database: Database, customer_id: CustomerId, wanted: Wanted) -> AsyncIterator[list[Span]]:
    """Newest first. A slice without a match makes the next one longer."""
    below: Place | None = (wanted.until_ns + 1, _NO_SPAN)
    told, slice_ns = 0, _SLICE_NS
    while below is not None and told < MOST_EXPORTED:
        lowest = max(below[0] - slice_ns, wanted.since_ns)
        page = await _page(database, customer_id, wanted, lowest, below)
        if page:
            yield page
        told += len(page)
        if len(page) == MOST_AT_ONCE:
            below, slice_ns = (page[-1].start_ns, page[-1].span_id), _SLICE_NS
        else:
            below = (lowest, _NO_SPAN) if lowest > wanted.since_ns else None
            slice_ns = min(slice_ns * 2, _LONGEST_SLICE_NS)


async def _page(database: Database, customer_id: CustomerId, wanted: Wanted, lowest: int, below: Place) -> list[Span]:
    async with database.searching() as connection:
        rows = _sql.matching_spans(connection, **matching_of(customer_id, wanted, lowest, below, most=MOST_AT_ONCE))
        return [of_row(row) async for row in rows]
