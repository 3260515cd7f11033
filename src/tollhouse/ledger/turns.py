"""Much work in pieces: between them other calls get their turn, and while there are any, some time as well.

A call waits for the loop many times on its way. With a turn only, it would meet a piece at each of them.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from tollhouse.ledger.records import Record
from tollhouse.ledger.segments import Reader

MOST_PIECES: Final = 64
PIECE_RECORDS: Final = 32
_PIECE_BYTES: Final = 128 << 10
_REST_S: Final = 0.001

Numbered = tuple[int, Record]
Item = TypeVar("Item")


class Turns:
    """`busy`: whether calls are being served at the moment; without it nobody is waited for."""

    def __init__(self, busy: Callable[[], bool] = lambda: False) -> None:
        self._busy = busy

    async def rest(self) -> None:
        """After a piece of work."""
        await asyncio.sleep(_REST_S if self._busy() else 0)

    async def read(self, reader: Reader, through: int) -> list[Numbered]:
        """The next records, at most `MOST_PIECES` pieces of them, none after `through`; `reader.passed`: how far."""
        records: list[Numbered] = []
        for _ in range(MOST_PIECES):
            records += reader.read(PIECE_RECORDS, _PIECE_BYTES, through)
            if reader.passed >= through:
                break
            await self.rest()
        return records

    async def make(self, items: Iterable[Item]) -> list[Item]:
        """All of what is made as it is asked for."""
        made: list[Item] = []
        for item in items:
            made.append(item)
            if len(made) % PIECE_RECORDS == 0:
                await self.rest()
        return made
