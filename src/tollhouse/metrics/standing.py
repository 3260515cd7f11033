"""How the whole installation stands, from the database: asked at most every few seconds, and never waited for long."""

import asyncio
from collections.abc import Mapping
from typing import Final

from tollhouse.db import queries
from tollhouse.db.pool import DATABASE_FAILURES, Database
from tollhouse.foundation.clock import Clock

KEPT_S: Final = 5.0
PATIENCE_S: Final = 2.0
MOST: Final = 100_000

_sql = queries.load(__file__)


class Standing:
    """Remembers the last answer for a few seconds; scrapes that come together ask once."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._asking = asyncio.Lock()
        self._known: Mapping[str, float] | None = None
        self._asked_at: float | None = None

    async def look(self) -> Mapping[str, float] | None:
        """By column of the statement; None: the database did not say in time."""
        async with self._asking:
            now = self._clock.monotonic()
            if self._asked_at is None or now - self._asked_at >= KEPT_S:
                self._asked_at, self._known = now, await self._ask()
            return self._known

    async def _ask(self) -> Mapping[str, float] | None:
        try:
            async with asyncio.timeout(PATIENCE_S), self._database.connection() as connection:
                return dict(await _sql.standing(connection, most=MOST))
        except DATABASE_FAILURES:
            return None
