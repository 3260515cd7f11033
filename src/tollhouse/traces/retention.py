"""How long what happened is kept: spans as each customer wants it, hours for some months, days for ever.

Days that nobody keeps any more are dropped as whole partitions; what customers keep for a shorter time is deleted from
the others, some at a time. One process at a time; what fails is done the next time.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

from tollhouse.db import queries
from tollhouse.db.partitions import LATE_DAYS
from tollhouse.db.pool import DATABASE_FAILURES, Connection, Database
from tollhouse.foundation.logs import get_logger

HOURS_KEPT: Final = timedelta(days=90)
MOST_DAYS: Final = 400
TRIM_EVERY_S: Final = 3600.0
MOST_AT_ONCE: Final = 5_000

_sql = queries.load(__file__)
_log = get_logger(__name__)


async def trim(database: Database, usual_days: int, now: datetime) -> int:
    """Delete what is kept no longer; `usual_days`: of customers that said nothing. Returns how many days went."""
    async with database.connection() as connection:
        rows = [row async for row in _sql.retentions(connection, usual_days=usual_days, most_days=MOST_DAYS)]
    longest = max((row["days"] for row in rows), default=usual_days)
    dropped = await _drop_days(database, now - timedelta(days=max(longest, LATE_DAYS["telemetry_spans"])))
    for row in rows:
        await _trim_customer(database, row["id"], now - timedelta(days=row["days"]), now - HOURS_KEPT)
    return dropped


async def keep_trimmed(database: Database, usual_days: int) -> None:
    """Until cancelled: a failure is only logged, because what is too old stays so."""
    while True:
        await asyncio.sleep(TRIM_EVERY_S)
        try:
            await trim(database, usual_days, datetime.now(UTC))
        except DATABASE_FAILURES as error:
            _log.warning("spans that are kept no longer could not be deleted; trying again", error=repr(error))


async def _drop_days(database: Database, before: datetime) -> int:
    async with database.transaction() as connection:
        if not await _sql.may_trim(connection):
            return 0
        dropped: int = await _sql.drop_days(connection, before=before.date())
        return dropped


async def _trim_customer(database: Database, customer_id: str, before: datetime, hours_before: datetime) -> None:
    more = True
    while more:
        async with database.transaction() as connection:
            if not await _sql.may_trim(connection):
                return
            more = await _trim_some(connection, customer_id, before)
            if not more:
                await _sql.trim_hours(connection, customer_id=customer_id, before=hours_before)
                await _sql.trim_durations(connection, customer_id=customer_id, before=hours_before)
                await _sql.trim_errors(connection, customer_id=customer_id, before=hours_before)


async def _trim_some(connection: Connection, customer_id: str, before: datetime) -> bool:
    """Whether there may be more."""
    before_ns = int(before.timestamp()) * 1_000_000_000
    done = await _sql.trim_spans(connection, customer_id=customer_id, before_ns=before_ns, most=MOST_AT_ONCE)
    return int(done.split()[-1]) >= MOST_AT_ONCE
