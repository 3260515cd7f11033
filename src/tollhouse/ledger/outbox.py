"""From the journal to whoever tells people about calls: receipts, usage events, spans. The journal's second reader.

Money comes first: a call is told only once the book has its entry. What is told is marked in the same transaction,
so every call is told exactly once, also after a kill -9.
"""

from collections.abc import Awaitable, Callable, Sequence

from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.logs import get_logger
from tollhouse.ledger import book
from tollhouse.ledger.flushing import REFUSED_DATA
from tollhouse.ledger.protocol import Owner
from tollhouse.ledger.records import Resolved
from tollhouse.ledger.segments import Journal
from tollhouse.ledger.turns import PIECE_RECORDS, Turns

Tell = Callable[[Connection, Sequence[Resolved]], Awaitable[None]]

_log = get_logger(__name__)


class Outbox:
    """Owns how far one epoch's calls have been told. `caller` writes, for `epoch`: its own, or a dead one's."""

    def __init__(
        self, database: Database, journal: Journal, caller: Owner, epoch: int, told: int, tell: Tell, turns: Turns
    ) -> None:
        self.told = told
        self._database = database
        self._journal = journal
        self._caller = caller
        self._epoch = epoch
        self._tell = tell
        self._turns = turns
        self._reader = journal.reader(told, (Resolved,))

    async def send(self, through: int) -> bool:
        """Tell the next calls, up to record `through`. Whether there are more. Raises what the database raises."""
        try:
            resolved = await self._read(through)
            last = self._reader.passed
            if last <= self.told:
                return False
            await self._write(resolved, last)
        except REFUSED_DATA as error:
            await self._write_apart(resolved, error)
            await self._write([], last)
        except BaseException:
            self._reader = self._journal.reader(self.told, (Resolved,))
            raise
        self.told = last
        return last < through

    async def _read(self, through: int) -> list[Resolved]:
        records = await self._turns.read(self._reader, through)
        return [record for _, record in records if isinstance(record, Resolved)]

    async def pass_over(self, through: int) -> None:
        """Nothing more can be read up to `through`: what is missing there cannot be told."""
        if self.told < through:
            await self._write([], through)
            self.told = through

    async def _write(self, resolved: Sequence[Resolved], last: int | None) -> None:
        async with self._database.transaction() as connection:
            for start in range(0, len(resolved), PIECE_RECORDS):
                await self._tell(connection, resolved[start : start + PIECE_RECORDS])
                await self._turns.rest()
            if last is not None:
                await book.mark_recorded(connection, self._caller, self._epoch, last)

    async def _write_apart(self, resolved: Sequence[Resolved], error: Exception) -> None:
        """Leave out the call that cannot be told; telling others a second time changes nothing."""
        if len(resolved) == 1:
            call_id = resolved[0].reserved.call.call_id
            _log.error("a call's receipt and span could not be written", call_id=call_id, error=repr(error))
            return
        half = len(resolved) // 2
        for part in (resolved[:half], resolved[half:]):
            try:
                await self._write(part, None)
            except REFUSED_DATA as again:
                await self._write_apart(part, again)
