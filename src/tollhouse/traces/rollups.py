"""Sums of calls by hour and by day, in groups of equal dimensions; and profiles of tools.

Whatever changes a sum is written down as a row of `rollup_pending`, in the transaction of what changed it: spans
that come in, spans of calls that were in doubt, corrections of cost. One process at a time folds those rows into the
sums, so nobody else waits for a row that many calls add to. Whoever reads folds first: a report holds what was
committed before it was asked for, unless more is pending than one fold takes.

Metered cost follows the ledger to the nano-dollar: what spans of calls say is what was booked, and every entry that
is booked later adds its difference.
"""

import asyncio
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from tollhouse.db import queries
from tollhouse.db.pool import DATABASE_FAILURES, Connection, Database
from tollhouse.foundation.ids import CustomerId, KeyId, TeamId, UserId
from tollhouse.foundation.logs import get_logger
from tollhouse.foundation.money import Nanos
from tollhouse.traces.spans import VENDOR

FOLD_EVERY_S: Final = 1.0
MOST_ROWS: Final = 20_000
MOST_ROWS_OF_READER: Final = 2_000
MOST_USERS: Final = 1_000
MOST_GROUPS: Final = 50_000
OTHERS: Final = "(others)"
"""What stands for the names of a customer that has made up more than `MOST_GROUPS` combinations of them."""

_EPOCH_DAY: Final = date(1970, 1, 1)

_sql = queries.load(__file__)
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CostChange:
    """An entry that was booked on top of a call's own, with its sign. `began_at` None: nobody told (yet)."""

    customer_id: CustomerId
    provider: str
    model: str
    user_id: UserId | None
    team_id: TeamId | None
    key_id: KeyId
    entry_day: date
    began_at: datetime | None
    difference: Nanos


async def change_cost(connection: Connection, change: CostChange) -> None:
    """Let the sums follow the ledger, in the transaction of the entry."""
    await _sql.add_cost(
        connection,
        customer_id=change.customer_id,
        vendor=VENDOR,
        provider=change.provider,
        model=change.model,
        user_id=change.user_id,
        team_id=change.team_id,
        key_id=change.key_id,
        hour=_hour_of(change.entry_day, change.began_at),
        cost_nanos=change.difference,
    )


def _hour_of(day: date, at: datetime | None) -> int:
    """In hours since 1970: of the call, but never outside the day that the ledger has it in."""
    first = (day - _EPOCH_DAY).days * 24
    return first if at is None else max(first, min(int(at.timestamp()) // 3600, first + 23))


async def freshen(database: Database) -> None:
    """Before a report is read: it may wait for a little of what is pending, not for all there may be."""
    await fold(database, most=MOST_ROWS_OF_READER)


async def fold(database: Database, *, most: int = MOST_ROWS) -> int:
    """Add what is pending to the sums; returns how many rows that was. 0 while another process is at it."""
    async with database.connection() as connection:
        if not await _sql.is_pending(connection):
            return 0
    async with database.searching() as connection:
        if not await _sql.may_fold(connection):
            return 0
        await _make_groups(connection)
        folded: int = await _sql.fold(connection, most=most, most_users=MOST_USERS)
        return folded


async def _make_groups(connection: Connection) -> None:
    if await _sql.has_new_groups(connection):
        await _sql.merge_groups(connection, others=OTHERS, most=MOST_GROUPS)
        await _sql.make_groups(connection)


async def keep_folded(database: Database) -> None:
    """Until cancelled: a failure is only logged, because what is pending stays so."""
    while True:
        await asyncio.sleep(FOLD_EVERY_S)
        try:
            while await fold(database) == MOST_ROWS:
                pass
        except DATABASE_FAILURES as error:
            _log.warning("calls could not be added to the reports; trying again", error=repr(error))
