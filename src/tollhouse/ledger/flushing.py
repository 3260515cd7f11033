"""From the journal into the book: reads on from what the book has, and tells it the next batch.

Reading is cut into pieces with a turn for other calls between them. A batch that could not be told is kept and told
again, so that a database which is away costs calls nothing. What the book refuses for what it holds (it never should)
is found by halving and buried: set aside for a person, its money in doubt, so that one bad record cannot hold up all
others.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import asyncpg

from tollhouse.db.pool import Database
from tollhouse.foundation.logs import get_logger
from tollhouse.ledger import book
from tollhouse.ledger.protocol import FlushReply, Gap, Owner, batch_of
from tollhouse.ledger.records import Amount, Resolved, Returned
from tollhouse.ledger.segments import Journal
from tollhouse.ledger.turns import Numbered, Turns

_MONEY: Final = (Resolved, Returned)
# What was asked to be written is itself the trouble. asyncpg's own complaint about a value is a ValueError.
REFUSED_DATA: Final = (ValueError, asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)

SayAgain = Callable[[Sequence[Resolved], Sequence[Amount]], tuple[Amount, ...]]


class _Batch(NamedTuple):
    """Records that move money, in order, and the number up to which nothing else does."""

    records: list[Numbered]
    through: int


_log = get_logger(__name__)


class Flusher:
    """Owns how far the book has one epoch's journal. `caller` writes, for `epoch`: its own, or a dead one's."""

    def __init__(
        self, database: Database, journal: Journal, caller: Owner, epoch: int, acked: int, turns: Turns
    ) -> None:
        self._database = database
        self._journal = journal
        self._caller = caller
        self._epoch = epoch
        self.acked = acked
        self._turns = turns
        self._reader = journal.reader(acked, _MONEY)
        self._untold: _Batch | None = None

    async def flush(self, through: int, say_again: SayAgain) -> tuple[FlushReply, bool]:
        """Tell the book the next records, at most up to `through`. The reply, and whether there are more.

        Raises Fenced, Gap (the next call begins where the book says) and what the database raises when it is away.
        """
        try:
            if self._untold is None:
                self._untold = await self._read(through)
            reply = await self._tell(*self._untold, say_again)
        except Gap as gap:
            self._begin_at(gap.acked)
            raise
        self._untold = None
        return reply, self.acked < through

    async def _read(self, through: int) -> _Batch:
        try:
            records = await self._turns.read(self._reader, through)
        except BaseException:
            self._begin_at(self.acked)
            raise
        return _Batch(records, self._reader.passed)

    async def _tell(self, records: Sequence[Numbered], through: int, say_again: SayAgain) -> FlushReply:
        draft = batch_of(self.acked, records, through=through)
        batch = replace(draft, granted=say_again(draft.resolved, draft.returned))
        calls = await self._turns.make(book.rows(batch.resolved))
        try:
            async with self._database.connection() as connection:
                reply = await book.flush(connection, self._caller, self._epoch, batch, calls)
        except REFUSED_DATA as error:
            if not records:
                raise
            return await self._tell_apart(records, through, say_again, error)
        self.acked = reply.acked
        return reply

    async def _tell_apart(
        self, records: Sequence[Numbered], through: int, say_again: SayAgain, error: Exception
    ) -> FlushReply:
        if len(records) > 1:
            half = len(records) // 2
            await self._tell(records[:half], records[half - 1][0], say_again)
            return await self._tell(records[half:], through, say_again)
        number, record = records[0]
        _log.error("the book refused a record; it is buried, its money in doubt", number=number, error=repr(error))
        async with self._database.connection() as connection:
            await book.bury(connection, self._caller, self._epoch, self.acked, number, record, repr(error))
        self.acked = number
        return FlushReply(number)

    def _begin_at(self, acked: int) -> None:
        self.acked = acked
        self._reader = self._journal.reader(acked, _MONEY)
        self._untold = None
