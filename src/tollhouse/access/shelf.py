"""Which keys and API tokens there are, roughly: the beginnings of all their hashes, eight bytes each.

A flood of invented keys ends here. Whoever is not on the shelf is only looked up a few times a second in all, which is
enough for a key that was made this moment and whose notice is still on its way. While notices do not arrive the shelf
is closed: then nobody can tell invented keys from new ones, and all are looked up.
"""

import asyncio
import struct
from array import array
from bisect import bisect_left
from typing import Final

from tollhouse.db import queries
from tollhouse.db.pool import DATABASE_FAILURES, Database
from tollhouse.foundation.allowance import Allowance
from tollhouse.foundation.clock import Clock
from tollhouse.foundation.logs import get_logger

NOTICES: Final = "tollhouse_keys"
LOOKS_PER_S: Final = 30
_AGAIN_S: Final = 1.0
_DIGITS: Final = 16

_sql = queries.load(__file__)
_log = get_logger(__name__)


class Shelf:
    """Owns what one process knows of the keys that exist."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._sorted: array[int] | None = None
        self._new: set[int] = set()
        self._loading: asyncio.Task[None] | None = None
        self._looks = Allowance(clock, LOOKS_PER_S)

    def admits(self, key_hash: str) -> bool:
        """Whether a key that nobody has seen here may be looked up."""
        return self._sorted is None or self._has(_beginning(key_hash)) or self._looks.take()

    def begin_to_hear(self) -> None:
        """Notices of new keys arrive from now on: read which ones there are."""
        self.cease_to_hear()
        self._loading = asyncio.get_running_loop().create_task(self._load())

    def cease_to_hear(self) -> None:
        """Notices do not arrive any more."""
        if self._loading is not None:
            self._loading.cancel()
        self._loading, self._sorted = None, None
        self._new.clear()

    def key_made(self, beginning: str) -> None:
        """A notice: the first 16 digits of a new hash. Raises ValueError for what is none."""
        self._new.add(_beginning(beginning))

    async def _load(self) -> None:
        while True:
            try:
                async with self._database.connection() as connection:
                    packed: bytes | None = await _sql.beginnings(connection)
                break
            except DATABASE_FAILURES as error:
                _log.warning("the keys that exist could not be read; trying again", error=repr(error))
            await asyncio.sleep(_AGAIN_S)
        packed = packed or b""
        self._sorted = array("Q", sorted(struct.unpack(f">{len(packed) // 8}Q", packed)))

    def _has(self, beginning: int) -> bool:
        assert self._sorted is not None  # noqa: S101 - its only caller has looked
        place = bisect_left(self._sorted, beginning)
        return (place < len(self._sorted) and self._sorted[place] == beginning) or beginning in self._new


def _beginning(key_hash: str) -> int:
    return int(key_hash[:_DIGITS], 16)
