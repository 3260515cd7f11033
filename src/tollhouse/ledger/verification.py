"""Reads the whole book once and says what is wrong with it: sums that differ, seals that do not fit, broken rules.

Everything is judged on one snapshot, while the house goes on working. Memory grows with the accounts, not with the
entries.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, cast

from tollhouse.db import queries
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.money import exact_usd_string
from tollhouse.ledger.seals import BEFORE_THE_FIRST, DayReader, Line, Seal, all_seals, read_lines

_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_END: Final = datetime(9000, 1, 1, tzinfo=UTC)
_PATIENCE_S: Final = 4 * 3600.0

_sql = queries.load(__file__)


@dataclass(slots=True)
class Verification:
    """What was read, and in `flaws` one sentence for each thing that is wrong. `newest`: the last seal."""

    entries: int = 0
    days: int = 0
    newest: Seal | None = None
    flaws: list[str] = field(default_factory=list)


async def verify(database: Database) -> Verification:
    """An empty list of flaws is the only good answer; the first day that differs is named first."""
    async with (
        database.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await _sql.read_at_length(connection)
        seals = await all_seals(connection)
        found = Verification(days=len(seals), newest=seals[-1] if seals else None)
        spent = await _read_book(connection, seals, found)
        await _compare_sums(connection, spent, found)
        text: str = cast("Any", _sql.audit).sql
        for row in await connection.fetch(text, timeout=_PATIENCE_S):
            account = "" if row["budget_id"] is None else f"budget {row['budget_id']}, period {row['period_seq']}: "
            found.flaws.append(f"audit: {account}{row['what']} (by {row['amount_nanos']})")
    return found


async def _read_book(connection: Connection, seals: Sequence[Seal], found: Verification) -> Counter[tuple[int, int]]:
    """Checks each day against its seal on the way, and sums up what each account has spent."""
    spent: Counter[tuple[int, int]] = Counter()
    chain = _Chain(seals, found.flaws)

    def take(line: Line) -> None:
        found.entries += 1
        for account in line.accounts:
            spent[account] += line.cost
        chain.reader_for(line.day).add(line)

    await read_lines(connection, _BEGINNING, _END, take)
    chain.finish()
    return spent


class _Chain:
    """Goes along the seals as the days of the entries do."""

    def __init__(self, seals: Sequence[Seal], flaws: list[str]) -> None:
        self._left = list(reversed(seals))
        self._before: Seal | None = None
        self._reader: DayReader | None = None
        self._flaws = flaws

    def reader_for(self, day: date) -> DayReader:
        if self._reader is None or self._reader.day != day:
            self._close_reader()
            while self._left and self._left[-1].day < day:
                self._check(DayReader(self._left[-1].day))
            self._reader = DayReader(day)
        return self._reader

    def finish(self) -> None:
        self._close_reader()
        while self._left:
            self._check(DayReader(self._left[-1].day))

    def _close_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is None:
            return
        if self._left and self._left[-1].day == reader.day:
            self._check(reader)
        elif self._left:
            self._flaws.append(f"seals: {reader.day} has {reader.entries} entries and no seal")

    def _check(self, reader: DayReader) -> None:
        """Compare the oldest seal that is left with what the book has of its day."""
        seal = self._left.pop()
        before, self._before = self._before, seal
        if before is not None and seal.day != before.day + timedelta(days=1):
            self._flaws.append(f"seals: there is none between {before.day} and {seal.day}")
        if seal.previous != (BEFORE_THE_FIRST if before is None else before.hash):
            self._flaws.append(f"seals: {seal.day} does not follow on the seal before it")
        if reader.seal(seal.previous) != seal:
            self._flaws.append(f"seals: {seal.day} differs: {_differs(reader, seal)}")


def _differs(reader: DayReader, seal: Seal) -> str:
    if (reader.entries, reader.total) == (seal.entries, seal.total):
        return f"{seal.entries} entries of the same sum, but not the same entries"
    sealed, has = exact_usd_string(seal.total), exact_usd_string(reader.total)
    return f"sealed were {seal.entries} entries of {sealed} USD, the book has {reader.entries} of {has} USD"


async def _compare_sums(connection: Connection, spent: Counter[tuple[int, int]], found: Verification) -> None:
    async with _sql.spent_of_all_cursor(connection) as opening:
        async for row in opening:
            account = (row["budget_id"], row["period_seq"])
            summed = spent.pop(account, 0)
            if summed != row["spent_nanos"]:
                found.flaws.append(_sum_differs(account, summed, row["spent_nanos"]))
    found.flaws += [
        f"sums: budget {b}, period {p} has entries of {spent[b, p]} nano-USD and no account" for b, p in spent
    ]


def _sum_differs(account: tuple[int, int], summed: int, says: int) -> str:
    sides = f"entries {exact_usd_string(summed)} USD, account {exact_usd_string(says)} USD"
    return f"sums: budget {account[0]}, period {account[1]}: {sides}"
