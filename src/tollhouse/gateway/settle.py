"""Step 7: write down how a call ended. Exactly once, on every way out, whatever the database is doing.

Cost, receipt and span go into the journal in one record, before the caller sees the end. From there the ledger takes
the money into the book, and `tell` writes receipts, usage events and spans.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from tollhouse.db.pool import Connection
from tollhouse.foundation.clock import Clock
from tollhouse.foundation.ids import CallId
from tollhouse.foundation.logs import get_logger
from tollhouse.foundation.money import Nanos
from tollhouse.gateway.calls import Arrival
from tollhouse.gateway.counts import Counts
from tollhouse.gateway.passage import Passage
from tollhouse.gateway.records import Server, cost_of, receipt_of, records_of_lost, span_of
from tollhouse.ledger import corrections
from tollhouse.ledger.keeper import Keeper
from tollhouse.ledger.records import Resolved
from tollhouse.traces.exports import queue as exports
from tollhouse.traces.ingest import ingest, place_of, withdraw_doubtful
from tollhouse.traces.spans import Span
from tollhouse.usage import receipts
from tollhouse.usage.receipts import Receipt

_log = get_logger(__name__)


class Opening(msgspec.Struct, frozen=True, array_like=True):
    """What is known of a call before it is sent, should its process die."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    stream: bool


class Story(msgspec.Struct, frozen=True, array_like=True):
    """What people are told of a call; a void has no receipt."""

    receipt: Receipt | None
    span: Span


class Settler:
    """Writes outcomes into the journal. Keeps nothing."""

    def __init__(self, keeper: Keeper, clock: Clock, counts: Counts, server: Server | None = None) -> None:
        self._keeper = keeper
        self._clock = clock
        self._counts = counts
        self._server = server

    def settle(self, passage: Passage) -> None:
        """Once; when this returns, no kill -9 can lose the outcome."""
        if passage.booked:
            return
        passage.booked = True
        kind, cost = passage.ending.kind, cost_of(passage)
        self._keeper.settle(passage.arrival.call_id, kind, cost, self._story(passage))
        self._counts.call(passage, cost, self._clock.monotonic())
        if cost > passage.held:
            overrun = Nanos(cost - passage.held)
            _log.error("a call cost more than its bound", call_id=passage.arrival.call_id, overrun_nanos=overrun)

    def _story(self, passage: Passage) -> bytes:
        span = span_of(passage, self._clock.now_ns(), self._server)
        receipt = None if passage.ending.kind == "void" else receipt_of(passage, self._clock.monotonic())
        return _encoder.encode(Story(receipt, span))


def opening_of(arrival: Arrival, *, stream: bool) -> bytes:
    """The note of a reservation."""
    return _encoder.encode(Opening(arrival.trace_id, arrival.span_id, arrival.parent_span_id, stream))


async def tell(connection: Connection, resolved: Sequence[Resolved]) -> None:
    """Write receipts, usage events and spans of calls that the book has; safe to repeat.

    A void without a story was given back before the road had it: its caller left while it waited for money.
    """
    stories = [_story_of(one) for one in resolved if one.note or one.kind != "void"]
    written = [story.receipt for story in stories if story.receipt is not None]
    if written:
        await receipts.write(connection, written)
    told = [story.span for story in stories]
    await exports.offer(connection, told)
    if await ingest(connection, told) < len(told):
        await _tell_again(connection, stories)


async def _tell_again(connection: Connection, stories: Sequence[Story]) -> None:
    """Of calls that were told in doubt, what they really were; what they cost is for the book to say."""
    certain = [story.span for story in stories if story.receipt is None or story.receipt.entry_kind != "in_doubt"]
    known = {place_of(span): span for span in certain}
    again = [known[place] for place in await withdraw_doubtful(connection, certain)]
    booked = await corrections.booked(connection, {_call_id(span): span.day for span in again})
    await ingest(connection, [_at_cost(span, booked) for span in again])


def _at_cost(span: Span, booked: Mapping[CallId, Nanos]) -> Span:
    return msgspec.structs.replace(span, cost_nanos=booked.get(_call_id(span), span.cost_nanos))


def _call_id(span: Span) -> CallId:
    return CallId(str(span.attributes["tollhouse.call.id"]))


def _story_of(resolved: Resolved) -> Story:
    if resolved.note:
        return _stories.decode(resolved.note)
    opening = _openings.decode(resolved.reserved.note)
    lost = records_of_lost(resolved, opening.trace_id, opening.span_id, opening.parent_span_id, stream=opening.stream)
    return Story(*lost)


_encoder: Final = msgspec.msgpack.Encoder()
_stories: Final = msgspec.msgpack.Decoder(Story)
_openings: Final = msgspec.msgpack.Decoder(Opening)
