"""Who may see which receipt, and pages of spans."""

from dataclasses import dataclass

from tollhouse.access.permits import Permit
from tollhouse.control.callers import Person
from tollhouse.control.pages import read_span_cursor, span_cursor
from tollhouse.control.permissions import Subject, may, require
from tollhouse.db.pool import Database
from tollhouse.foundation.errors import NotFound
from tollhouse.foundation.ids import CallId, is_uuid
from tollhouse.foundation.money import Nanos
from tollhouse.ledger import corrections
from tollhouse.traces import spans
from tollhouse.traces.spans import Span
from tollhouse.usage import receipts
from tollhouse.usage.receipts import Receipt


@dataclass(frozen=True, slots=True)
class SpanPage:
    """`next_cursor` None: this was the last page."""

    spans: list[Span]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Told:
    """A receipt, and by how much people corrected its cost in sum; None: nobody did."""

    receipt: Receipt
    adjustment: Nanos | None


async def receipt(database: Database, caller: Person | Permit, call_id: str) -> Told:
    """Raises NotFound, the same for a call of others as for none: an id must not tell that a call was made."""
    found, adjustment = None, None
    if is_uuid(call_id):
        async with database.connection() as connection:
            found = await receipts.find(connection, caller.customer_id, CallId(call_id))
            if found is not None:
                day = {found.call_id: found.entry_day}
                adjustment = (await corrections.adjusted(connection, caller.customer_id, day)).get(found.call_id)
    if found is None or not _may_see(caller, found):
        raise NotFound("there is no receipt of this call (yet)", code="receipt_not_found")
    return Told(found, adjustment)


def _may_see(caller: Person | Permit, found: Receipt) -> bool:
    if isinstance(caller, Permit):
        return caller.key_id == found.key_id
    return may(caller, "receipt.see", Subject(user_id=found.user_id, team_id=found.team_id))


async def span_page(
    database: Database, person: Person, *, most: int, cursor: str | None, trace_id: str | None
) -> SpanPage:
    """The customer's spans, newest first; raises BadRequest for a cursor that is not ours."""
    require(person, "trace.list")
    before = None if cursor is None else read_span_cursor(cursor)
    async with database.connection() as connection:
        found = await spans.recent(connection, person.customer_id, most=most + 1, before=before, trace_id=trace_id)
    page = found[:most]
    more = len(found) > most
    return SpanPage(page, span_cursor(page[-1].start_ns, page[-1].span_id) if more else None)
