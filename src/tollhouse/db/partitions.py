"""Tables partitioned by day get their partitions ahead of time; without one, rows wait in the default partition."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

from tollhouse.db.pool import DATABASE_FAILURES, Database
from tollhouse.foundation.logs import get_logger

TABLES: Final = ("ledger_entries", "telemetry_spans")
DAYS_AHEAD: Final = 7
LOOK_EVERY_S: Final = 3600.0

_log = get_logger(__name__)


async def open_days(database: Database) -> int:
    """Open yesterday (late settlements) to a week ahead; returns how many partitions were new."""
    first = datetime.now(UTC).date() - timedelta(days=1)
    opened = 0
    for table in TABLES:
        async with database.connection() as connection:
            opened += await connection.fetchval(
                "SELECT open_day_partitions($1::text::regclass, $2, $3)", table, first, DAYS_AHEAD + 1
            )
    return opened


async def keep_open(database: Database) -> None:
    """Until cancelled: a failure is only logged, because the default partition takes every row."""
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        try:
            await open_days(database)
        except DATABASE_FAILURES as error:
            _log.warning("day partitions could not be opened; trying again", error=repr(error))
