"""Reports from sums: totals, first values, series, failures, tools. Reads rollups, never spans.

What is pending is folded in before anything is read, so a report holds what was committed before it was asked for.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final

from tollhouse.control.reports.questions import DIMENSIONS, SHARES, Dimension, Measure, Period, Question, Step
from tollhouse.db import queries
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.ids import CustomerId
from tollhouse.traces import durations, rollups

MOST_TOP: Final = 10
MOST_FAILURES: Final = 200
MOST_AT_ONCE: Final = 1_000
MOST_EXPORTED: Final = 100_000

_ZERO: Final = Decimal(0)
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_sql = queries.load(__file__)

Names = Mapping[tuple[str, str], str]
"""What people call (`user`, `team` or `key`, id)."""


@dataclass(frozen=True, slots=True)
class Measures:
    """Sums of some calls. `cost_nanos` is metered, `reported_cost_nanos` what senders say; `counts`: see durations."""

    calls: int = 0
    errors: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cost_nanos: int = 0
    reported_cost_nanos: int = 0
    counts: Sequence[int] = ()

    def percentile(self, share: float) -> float | None:
        return durations.percentile_ms(self.counts, share)


@dataclass(frozen=True, slots=True)
class Row:
    """The calls of one value of a dimension. `word` None: those that have none. `name`: what people call it."""

    word: str | None
    name: str | None
    measures: Measures


_NOTHING: Final = Row(None, None, Measures())


@dataclass(frozen=True, slots=True)
class Overview:
    totals: Measures
    before: Measures
    tops: Mapping[Dimension, Sequence[Row]]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart; `rest`: all values that have none of their own. `points`: by the steps that have any."""

    word: str | None
    name: str | None
    rest: bool
    total: float | None
    points: Mapping[datetime, float | None]


@dataclass(frozen=True, slots=True)
class Failure:
    error_type: str
    word: str | None
    name: str | None
    errors: int


@dataclass(frozen=True, slots=True)
class SumPage:
    rows: list[Mapping[str, Any]]
    names: Names


async def overview(database: Database, customer_id: CustomerId, question: Question, period: Period) -> Overview:
    """Totals of the period and of the one before it, and the first values of every dimension."""
    await rollups.freshen(database)
    asked = _asked(customer_id, question, period)
    async with database.searching() as connection:
        found = [row async for row in _sql.overview(connection, before=period.before, most=MOST_TOP, **asked)]
        names = await _names(connection, customer_id, ((row["dimension"], row["word"]) for row in found))
    rows: dict[str, list[Row]] = {}
    for row in found:
        rows.setdefault(row["dimension"], []).append(_row(row["dimension"], row, names))
    totals, before = (rows.get(name, [_NOTHING])[0].measures for name in ("totals", "before"))
    return Overview(totals, before, {dimension: rows.get(dimension, []) for dimension in DIMENSIONS})


async def top(
    database: Database,
    customer_id: CustomerId,
    question: Question,
    period: Period,
    *,
    by: Dimension,
    measure: Measure,
    most: int,
) -> list[Row]:
    """The first values of one dimension, by a measure."""
    await rollups.freshen(database)
    asked = _asked(customer_id, question, period)
    async with database.searching() as connection:
        rows = [row async for row in _sql.top(connection, by=by, measure=measure, most=most, **asked)]
        names = await _names(connection, customer_id, ((by, row["word"]) for row in rows))
    return [_row(by, row, names) for row in rows]


async def totals(database: Database, customer_id: CustomerId, question: Question, period: Period) -> Measures:
    await rollups.freshen(database)
    async with database.searching() as connection:
        asked = _asked(customer_id, question, period)
        return _measures(await _sql.totals(connection, **asked))


async def series(
    database: Database,
    customer_id: CustomerId,
    question: Question,
    period: Period,
    step: Step,
    *,
    by: Dimension | None,
    measure: Measure,
    most: int,
) -> list[Line]:
    """One measure over time; the first values of a dimension each have a line, the largest first."""
    await rollups.freshen(database)
    asked = _asked(customer_id, question, period)
    async with database.searching() as connection:
        await _sql.give_room(connection)
        asked |= {"by": by or "", "step": step, "most": most}
        statement = _sql.duration_series if measure in SHARES else partial(_sql.series, measure=measure)
        lines: dict[int, list[Mapping[str, Any]]] = {}
        async for row in statement(connection, **asked):
            lines.setdefault(row["place"], []).append(row)
        words = ((by or "", rows[0]["word"]) for rows in lines.values())
        names = await _names(connection, customer_id, words)
    return [_line(by or "", place > most, rows, measure, names) for place, rows in sorted(lines.items())]


def _line(by: str, rest: bool, rows: Sequence[Mapping[str, Any]], measure: Measure, names: Names) -> Line:
    word = rows[0]["word"]
    place = names.get((by, word or ""))
    if measure in SHARES:
        share = SHARES[measure]
        counts = {row["at"]: durations.counts_of(row["histogram"]) for row in rows}
        told = {at: durations.percentile_ms(each, share) for at, each in counts.items()}
        return Line(word, place, rest, durations.percentile_ms(durations.added(counts.values()), share), told)
    points = {row["at"]: _value(measure, row["calls"], row["value"]) for row in rows}
    calls, value = (sum((row[name] or _ZERO for row in rows), _ZERO) for name in ("calls", "value"))
    return Line(word, place, rest, _value(measure, calls, value), points)


def _value(measure: Measure, calls: Decimal | None, value: Decimal) -> float | None:
    if measure == "error_rate":
        return round(float(value / calls), 6) if calls else None
    return int(value)


async def failures(
    database: Database, customer_id: CustomerId, question: Question, period: Period, *, by: Dimension | None
) -> list[Failure]:
    """What went wrong how often, most often first."""
    await rollups.freshen(database)
    asked = _asked(customer_id, question, period)
    del asked["rolled"]
    async with database.searching() as connection:
        rows = [row async for row in _sql.failures(connection, by=by or "", most=MOST_FAILURES, **asked)]
        names = await _names(connection, customer_id, ((by or "", row["word"]) for row in rows))
    return [
        Failure(row["error_type"], row["word"], names.get((by or "", row["word"] or "")), row["errors"]) for row in rows
    ]


async def everything(
    database: Database, customer_id: CustomerId, question: Question, period: Period
) -> AsyncIterator[SumPage]:
    """Every sum there is, oldest first, in pages; at most `MOST_EXPORTED`."""
    await rollups.freshen(database)
    at, group, told = _EPOCH, 0, 0
    while told < MOST_EXPORTED:
        async with database.searching() as connection:
            asked = _asked(customer_id, question, period)
            found = _sql.sums_page(connection, after_at=at, after_group=group, most=MOST_AT_ONCE, **asked)
            rows = [row async for row in found]
            kinds = (("user", "user_id"), ("team", "team_id"), ("key", "key_id"))
            names = await _names(connection, customer_id, ((kind, row[name]) for row in rows for kind, name in kinds))
        if not rows:
            return
        yield SumPage(rows, names)
        at, group, told = rows[-1]["at"], rows[-1]["group_id"], told + len(rows)


async def names_of(connection: Connection, customer_id: CustomerId, wanted: Iterable[tuple[str, str | None]]) -> Names:
    """What people call things; those that are gone are missing."""
    return await _names(connection, customer_id, wanted)


async def _names(connection: Connection, customer_id: CustomerId, wanted: Iterable[tuple[str, str | None]]) -> Names:
    ids: dict[str, set[str]] = {"user": set(), "team": set(), "key": set()}
    for kind, word in wanted:
        if word is not None and kind in ids:
            ids[kind].add(word)
    if not any(ids.values()):
        return {}
    rows = _sql.names(
        connection, customer_id=customer_id, users=list(ids["user"]), teams=list(ids["team"]), keys=list(ids["key"])
    )
    return {(row["kind"], row["id"]): row["name"] async for row in rows}


def _asked(customer_id: CustomerId, question: Question, period: Period) -> dict[str, object]:
    return {
        "customer_id": customer_id,
        "own_user": question.own_user,
        "own_teams": list(question.own_teams),
        "filters": question.filters,
        "rolled": period.rolled,
        "since": period.since,
        "until": period.until,
    }


def _row(by: str, row: Mapping[str, Any], names: Names) -> Row:
    return Row(row["word"], names.get((by, row["word"] or "")), _measures(row))


def _measures(row: Mapping[str, Any]) -> Measures:
    plain = [name for name in Measures.__dataclass_fields__ if name != "counts"]
    return Measures(**{name: int(row[name] or 0) for name in plain}, counts=durations.counts_of(row["histogram"]))
