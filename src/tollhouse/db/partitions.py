"""Tables partitioned by day get their partitions ahead of time; without one, rows wait in the default partition."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

from tollhouse.db.pool import DATABASE_FAILURES, Database
from tollhouse.foundation.logs import get_logger

LATE_DAYS: Final = {"ledger_entries": 1, "telemetry_spans": 7}
"""Tables, and how many days after its end a day may still get rows: late settlements, spans sent late."""
DAYS_AHEAD: Final = 7
LOOK_EVERY_S: Final = 3600.0

_log = get_logger(__name__)


async def open_days(database: Database) -> int:
    """Open the days that may still get rows, to a week ahead; returns how many partitions were new."""
    today = datetime.now(UTC).date()
    opened = 0
    for table, late_days in LATE_DAYS.items():
        first, days = today - timedelta(days=late_days), late_days + DAYS_AHEAD
        async with database.connection() as connection:
            opened += await connection.fetchval(
                "SELECT open_day_partitions($1::text::regclass, $2, $3)", table, first, days
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
