"""Looks after workers that are gone: finishes deserted slots on this machine, puts silent workers' money in doubt.

A dead worker's slot is finished by a living sibling at once, so nobody waits for a restart. A worker elsewhere that
says nothing any more may be cut off and alive: its leases are not granted to anybody, still counted, and become
normal again when it speaks. Nothing is ever given back without proof.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

from tollhouse.db.pool import DATABASE_FAILURES
from tollhouse.foundation.logs import get_logger
from tollhouse.ledger import book, slots
from tollhouse.ledger.protocol import Fenced, Gap
from tollhouse.ledger.recovery import Successor, succeed
from tollhouse.ledger.segments import JournalError

_QUESTIONS: Final = 10
"""How often the database is asked for silent workers in the time after which a worker is one."""

_log = get_logger(__name__)


class Janitor:
    """Runs in every process; the slots' locks and the book's rows make sure that each thing is done once.

    Whether a slot is deserted is seen on the disk, every `every_s`. Who is silent only the database knows: it is asked
    as often as it takes to find out in good time.
    """

    def __init__(self, data_dir: Path, successor: Callable[[], Successor], *, silent_s: float, every_s: float) -> None:
        self._data_dir = data_dir
        self._successor = successor
        self._silent_after = timedelta(seconds=silent_s)
        self._every_s = every_s
        self._rounds_per_question = max(int(silent_s / _QUESTIONS / every_s), 1)

    async def run(self) -> None:
        """Until cancelled. What cannot be done now is tried again."""
        rounds = 0
        while True:
            try:
                await self.finish_deserted()
                if rounds % self._rounds_per_question == 0:
                    await self.doubt_silent()
                rounds += 1
            except (Fenced, Gap, JournalError, *DATABASE_FAILURES) as error:
                _log.warning("looking after dead workers failed; trying again", error=repr(error))
            await asyncio.sleep(self._every_s)

    async def finish_deserted(self) -> None:
        """Slots of this machine whose holder died."""
        successor = self._successor()
        for slot in slots.deserted(self._data_dir):
            try:
                await succeed(slot, successor)
                slot.finish()
            finally:
                slot.release()

    async def doubt_silent(self) -> None:
        """Workers anywhere that the book has not heard of for long."""
        async with self._successor().database.connection() as connection:
            for worker_id in await book.doubt_silent(connection, self._silent_after):
                _log.warning("a worker is silent; its leases are in doubt", worker_id=worker_id)
