"""Step 7: tell the book how a call ended. Exactly once, on every way out, whatever the database is doing.

Entry, receipt, usage event and span are written in one transaction; calls that end at the same moment share it.
While the database is away outcomes wait here, bounded; what a dying process could not write is charged by the
sweep, because its hold still stands.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from tollhouse.db.pool import DATABASE_FAILURES, Connection, Database
from tollhouse.foundation.batches import Batcher
from tollhouse.foundation.clock import Clock
from tollhouse.foundation.logs import get_logger
from tollhouse.gateway.passage import Passage
from tollhouse.gateway.records import receipt_of, settlement_of, span_of
from tollhouse.ledger import holds
from tollhouse.ledger.holds import Settled, Settlement
from tollhouse.traces import spans
from tollhouse.traces.spans import Span
from tollhouse.usage import receipts
from tollhouse.usage.receipts import Receipt

MAX_BATCH: Final = 200
MAX_WAITING: Final = 100_000
PATIENCE_S: Final = 2.0
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 2.0
# What was asked to be written is itself the trouble. asyncpg's own complaint about a value is a ValueError.
_REFUSED_DATA: Final = (ValueError, asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ended:
    """One outcome on its way into the book; a void has neither receipt nor (if nothing was tried) span."""

    settlement: Settlement
    receipt: Receipt | None
    span: Span | None


class Settler:
    """Owns the outcomes that are not yet in the book."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._batcher: Batcher[Ended, Settled | None] = Batcher(
            self._write, max_batch=MAX_BATCH, max_waiting=MAX_WAITING
        )
        self._bookings: set[asyncio.Task[None]] = set()
        self._giving_up = False

    @property
    def waiting(self) -> int:
        """Outcomes not yet handed to the database."""
        return self._batcher.waiting

    async def settle(self, passage: Passage) -> None:
        """Book a passage once; waits for the commit, but only so long that no caller hangs on a slow database."""
        if passage.booking is None:
            passage.booking = self._start(self._ended(passage))
        await asyncio.wait([passage.booking], timeout=PATIENCE_S)

    def void(self, settlement: Settlement) -> None:
        """Give back a hold that may or may not stand (its answer was lost); nothing was sent."""
        self._start(Ended(settlement, None, None))

    async def close(self, timeout_s: float) -> None:
        """Write what waits; what cannot be written in time is left to the sweep."""
        if self._bookings:
            await asyncio.wait(self._bookings, timeout=timeout_s)
        self._giving_up = True
        if self._bookings:
            _log.warning("outcomes left to the sweep", calls=len(self._bookings))
            await asyncio.wait(self._bookings, timeout=_LONGEST_PAUSE_S * 2)

    def _ended(self, passage: Passage) -> Ended:
        span = span_of(passage, self._clock.now_ns())
        if passage.ending.kind == "void":
            return Ended(settlement_of(passage), None, span)
        return Ended(settlement_of(passage), receipt_of(passage, self._clock.monotonic()), span)

    def _start(self, ended: Ended) -> "asyncio.Task[None]":
        booking = asyncio.create_task(self._book(ended))
        self._bookings.add(booking)
        booking.add_done_callback(self._bookings.discard)
        return booking

    async def _book(self, ended: Ended) -> None:
        call_id = ended.settlement.call_id
        try:
            settled = await self._batcher.put(ended)
        except (asyncio.QueueFull, *DATABASE_FAILURES) as error:
            _log.error("an outcome could not be booked; the sweep will charge it", call_id=call_id, error=repr(error))
            return
        if settled is None:
            _log.error("the ledger refused an outcome; the sweep will charge it", call_id=call_id)
        elif settled.overrun:
            _log.error("a call cost more than its bound", call_id=call_id, overrun_nanos=settled.overrun)

    async def _write(self, batch: Sequence[Ended]) -> Sequence[Settled | None]:
        """Write a batch, waiting out a database that is away. None: refused for what it holds."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                async with self._database.transaction() as connection:
                    return await write_ended(connection, batch)
            except _REFUSED_DATA as error:
                return await self._write_apart(batch, error)
            except DATABASE_FAILURES:
                if self._giving_up:
                    raise
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    async def _write_apart(self, batch: Sequence[Ended], error: Exception) -> Sequence[Settled | None]:
        """Find the outcome that cannot be written by halving; its money is booked even if its story is not."""
        if len(batch) > 1:
            half = len(batch) // 2
            return [*await self._write(batch[:half]), *await self._write(batch[half:])]
        bare = Ended(batch[0].settlement, None, None)
        if batch[0] == bare:
            return [None]
        _log.error("a receipt and span could not be written", call_id=bare.settlement.call_id, error=repr(error))
        return await self._write([bare])


async def write_ended(connection: Connection, batch: Sequence[Ended]) -> list[Settled]:
    """Entry, receipt, event and span of each call, in the caller's transaction."""
    settled = await holds.settle(connection, [ended.settlement for ended in batch])
    written = [ended.receipt for ended in batch if ended.receipt is not None]
    if written:
        await receipts.write(connection, written)
    told = [ended.span for ended in batch if ended.span is not None]
    if told:
        await spans.write(connection, told)
    return settled
