"""Reading much of a journal in pieces, with a turn for other calls between them."""

import asyncio
from typing import Final

from tollhouse.ledger.records import Record
from tollhouse.ledger.segments import Reader

MOST_PIECES: Final = 16
PIECE_RECORDS: Final = 64
_PIECE_BYTES: Final = 256 << 10

Numbered = tuple[int, Record]


async def read(reader: Reader, through: int) -> list[Numbered]:
    """The next records, at most `MOST_PIECES` pieces and none after `through`; `reader.passed` says how far it came."""
    records: list[Numbered] = []
    for _ in range(MOST_PIECES):
        records += reader.read(PIECE_RECORDS, _PIECE_BYTES, through)
        if reader.passed >= through:
            break
        await asyncio.sleep(0)
    return records
