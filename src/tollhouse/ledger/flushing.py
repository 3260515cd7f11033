"""From the journal into the book: reads on from what the book has, and tells it the next batch.

What the book refuses for what it holds (it never should) is found by halving and buried: set aside for a person, its
money in doubt, so that one bad record cannot hold up all others.
"""

from collections.abc import Callable, Sequence
from typing import Final

import asyncpg

from tollhouse.db.pool import Database
from tollhouse.foundation.logs import get_logger
from tollhouse.ledger import book
from tollhouse.ledger.protocol import FlushReply, Gap, Owner, batch_of
from tollhouse.ledger.records import Amount, Record, Resolved
from tollhouse.ledger.segments import Journal

MOST_RECORDS: Final = 1000
MOST_BYTES: Final = 2 << 20
# What was asked to be written is itself the trouble. asyncpg's own complaint about a value is a ValueError.
REFUSED_DATA: Final = (ValueError, asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)

SayAgain = Callable[[Sequence[Resolved], Sequence[Amount]], tuple[Amount, ...]]
Numbered = tuple[int, Record]

_log = get_logger(__name__)


class Flusher:
    """Owns how far the book has one epoch's journal. `caller` writes, for `epoch`: its own, or a dead one's."""

    def __init__(self, database: Database, journal: Journal, caller: Owner, epoch: int, acked: int) -> None:
        self.acked = acked
        self._database = database
        self._journal = journal
        self._caller = caller
        self._epoch = epoch
        self._reader = journal.reader(acked)

    async def flush(self, through: int, say_again: SayAgain) -> tuple[FlushReply, bool]:
        """Tell the book the next records, at most up to `through`. The reply, and whether there are more.

        Raises Fenced, Gap (the next call begins where the book says) and what the database raises when it is away.
        """
        records = self._reader.read(MOST_RECORDS, MOST_BYTES, through)
        try:
            reply = await self._tell(records, say_again)
        except Gap as gap:
            self._begin_at(gap.acked)
            raise
        except BaseException:
            self._begin_at(self.acked)
            raise
        return reply, self.acked < through

    async def _tell(self, records: Sequence[Numbered], say_again: SayAgain) -> FlushReply:
        batch = batch_of(self.acked, records)
        granted = say_again(batch.resolved, batch.returned)
        try:
            async with self._database.connection() as connection:
                reply = await book.flush(connection, self._caller, self._epoch, batch_of(self.acked, records, granted))
        except REFUSED_DATA as error:
            if not records:
                raise
            return await self._tell_apart(records, say_again, error)
        self.acked = reply.acked
        return reply

    async def _tell_apart(self, records: Sequence[Numbered], say_again: SayAgain, error: Exception) -> FlushReply:
        if len(records) > 1:
            half = len(records) // 2
            await self._tell(records[:half], say_again)
            return await self._tell(records[half:], say_again)
        number, record = records[0]
        _log.error("the book refused a record; it is buried, its money in doubt", number=number, error=repr(error))
        async with self._database.connection() as connection:
            await book.bury(connection, self._caller, self._epoch, self.acked, number, record, repr(error))
        self.acked = number
        return FlushReply(number)

    def _begin_at(self, acked: int) -> None:
        self.acked = acked
        self._reader = self._journal.reader(acked)
