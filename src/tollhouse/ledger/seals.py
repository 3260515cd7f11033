"""Seals: one hash a day over everything that was written into the book, chained, so that no line can change unseen.

The day of an entry is the UTC day on which it was written (`created_at`), not the day of its call. A day is sealed
once nobody can add to it, at the earliest five minutes after it ended; days without entries are sealed too. What is
hashed, byte by byte:

    line  = a JSON array of entry_day, entry_id, call_id, kind, reserved_nanos, cost_nanos, overrun_nanos, budgets,
            periods, customer_id, key_id, user_id, team_id, provider, model, worker_id, epoch, seq, reason, actor,
            created_at; written as Python's json.dumps(items, ensure_ascii=False) does, in UTF-8; then a line feed.
            Days are "2026-11-23", UUIDs in lower case with hyphens, budgets and periods texts with a space between
            the numbers, created_at is a number: microseconds since 1970-01-01 UTC. What is absent is null.
    body  = SHA-256 of the day's lines, in the order of (created_at, entry_id)
    head  = a line likewise: "tollhouse seal 1", the day, the number of lines, the sum of cost_nanos, body in hex
    hash  = SHA-256 of the hash of the day before (32 bytes; zeros before the first day), then head

The lines are made by the database (`ledger_entry_line`), so that sealing millions of entries costs this process
little. Whoever can write to the database can also forge all seals: the log has each new hash, keep it elsewhere.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import Any, Final

from tollhouse.db import queries
from tollhouse.db.pool import DATABASE_FAILURES, Connection, Database
from tollhouse.foundation.logs import get_logger
from tollhouse.foundation.money import Nanos

LOOK_EVERY_S: Final = 60.0
BEFORE_THE_FIRST: Final = bytes(32)

_FORMAT: Final = "tollhouse seal 1"
_LINES_AT_ONCE: Final = 500

_log = get_logger(__name__)
_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class Seal:
    """What the book held of one day. `total`: the sum of its costs; adjustments may make it negative."""

    day: date
    entries: int
    total: Nanos
    previous: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as a seal reads it. `accounts` are (budget, period)."""

    day: date
    cost: int
    accounts: tuple[tuple[int, int], ...]
    raw: bytes


class DayReader:
    """Takes in the lines of one day, in their order, and keeps nothing of them."""

    def __init__(self, day: date) -> None:
        self.day = day
        self.entries = 0
        self.total = 0
        self._body = sha256()

    def add(self, line: Line) -> None:
        self.entries += 1
        self.total += line.cost
        self._body.update(line.raw)

    def seal(self, previous: bytes) -> Seal:
        head = json.dumps([_FORMAT, str(self.day), self.entries, self.total, self._body.hexdigest()]) + "\n"
        whole = sha256(previous + head.encode()).digest()
        return Seal(self.day, self.entries, Nanos(self.total), previous, whole)


async def keep_sealed(database: Database) -> None:
    """Until cancelled. In every process: whoever comes first seals, all days that are due."""
    while True:
        try:
            while (seal := await seal_next(database)) is not None:
                _log.info("a day of the book was sealed", day=str(seal.day), entries=seal.entries, hash=seal.hash.hex())
        except DATABASE_FAILURES as error:
            _log.warning("the book could not be sealed; trying again", error=repr(error))
        await asyncio.sleep(LOOK_EVERY_S)


async def seal_next(database: Database) -> Seal | None:
    """Seal the oldest day that is due. None: no day is, or another process is at it."""
    async with database.transaction() as connection:
        day = await _sql.day_to_seal(connection) if await _sql.lock_seals(connection) else None
        if day is None:
            return None
        newest = await _sql.newest_seal(connection)
        await _sql.read_at_length(connection)
        reader = DayReader(day)
        await read_lines(connection, _midnight(day), _midnight(day + timedelta(days=1)), reader.add)
        seal = reader.seal(BEFORE_THE_FIRST if newest is None else newest["hash"])
        await _sql.seal(
            connection,
            day=seal.day,
            entries=seal.entries,
            sum_nanos=seal.total,
            previous_hash=seal.previous,
            hash=seal.hash,
        )
    return seal


async def all_seals(connection: Connection) -> list[Seal]:
    """The chain, oldest first."""
    return [_seal(row) async for row in _sql.seals(connection)]


async def read_lines(connection: Connection, since: datetime, until: datetime, take: Callable[[Line], None]) -> None:
    """Hand over the entries written in [since, until) in the order of seals, a few hundred in memory at a time."""
    async with _sql.lines_cursor(connection, since=since, until=until) as opening:
        cursor = await opening
        while rows := await cursor.fetch(_LINES_AT_ONCE):
            for row in rows:
                accounts = tuple(zip(row["budgets"], row["periods"], strict=True))
                take(Line(row["day"], row["cost_nanos"], accounts, row["line"]))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _seal(row: Mapping[str, Any]) -> Seal:
    return Seal(row["day"], row["entries"], Nanos(row["sum_nanos"]), row["previous_hash"], row["hash"])
