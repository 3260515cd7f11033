"""Traces that match, newest first; one trace as a whole; one span.

There is no index of what spans say: it would cost each span more than keeping it. So a search reads spans from the
newest back, slice by slice, passes over hours that have no call of the wanted groups, and stops when the page is
full or its time is up: then the answer says how far it came, and its cursor goes on from there. A trace stands where
its newest matching span does; on later pages it is not listed again.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import asyncpg

from tollhouse.control.pages import read_span_cursor, span_cursor
from tollhouse.control.reports.questions import Question
from tollhouse.control.reports.sums import Names, names_of
from tollhouse.db import queries
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.errors import BadRequest, NotFound
from tollhouse.foundation.ids import CustomerId
from tollhouse.traces import rollups
from tollhouse.traces.retention import HOURS_KEPT
from tollhouse.traces.spans import Source, Span, of_row

PATIENCE_S: Final = 0.25
LONGEST_STATEMENT_MS: Final = 3_000
MOST_SPANS_OF_TRACE: Final = 2_000

NAMED: Final = (("user", "user_id"), ("team", "team_id"), ("key", "key_id"))

_FIRST_SLICE: Final = 600_000_000_000
LONGEST_SLICE: Final = 4 * 86_400_000_000_000
_QUICK_S, _SLOW_S = 0.03, 0.1
_HOUR_NS: Final = 3_600_000_000_000
_CANDIDATES_EACH: Final = 8
_NO_SPAN: Final = "0" * 16
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_sql = queries.load(__file__)

Place = tuple[int, str]
"""Start in nanoseconds, and span: where in the order of time."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which spans. Times and durations in nanoseconds, both ends included; `text`: in name, message or attributes."""

    question: Question
    since_ns: int
    until_ns: int
    status: int | None = None
    text: str | None = None
    least_ns: int | None = None
    most_ns: int | None = None
    least_cost: int | None = None
    most_cost: int | None = None


@dataclass(frozen=True, slots=True)
class TracePage:
    """`next_cursor` None: there are no more. `searched_to_ns`: all that matches from there on is told."""

    traces: list[Mapping[str, Any]]
    names: Names
    next_cursor: str | None
    searched_to_ns: int


@dataclass(frozen=True, slots=True)
class Tree:
    """A trace as a whole, and its spans by their start: at most `MOST_SPANS_OF_TRACE`. `hashes`: of keys, by id."""

    trace: Mapping[str, Any]
    names: Names
    hashes: Mapping[str, str]
    spans: list[Span]


@dataclass(slots=True)
class _Search:
    """How far a search has come: `below` is the place before which to go on, None at the end of what was asked."""

    wanted: Wanted
    most: int
    below: Place | None
    found: dict[str, Place] = field(default_factory=dict)
    listed: set[str] = field(default_factory=set)
    slice_ns: int = _FIRST_SLICE
    hours: Sequence[int] | None = None

    def is_full(self) -> bool:
        return len(self.found) >= self.most


async def traces(
    database: Database, customer_id: CustomerId, wanted: Wanted, *, most: int, cursor: str | None
) -> TracePage:
    """Raises BadRequest for a cursor that is not ours, and when a short time has too many spans to look through."""
    begun = None if cursor is None else read_span_cursor(cursor)
    search = _Search(wanted, most, begun or (wanted.until_ns + 1, _NO_SPAN))
    await rollups.freshen(database)
    async with database.searching() as connection:
        await _sql.bound_time(connection, milliseconds=str(LONGEST_STATEMENT_MS))
        await _look(connection, customer_id, search, begun)
        rows = await _summaries(connection, customer_id, search)
        words = [(kind, row[name]) for row in rows for kind, name in NAMED]
        names = await names_of(connection, customer_id, words)
    reached = wanted.since_ns if search.below is None else search.below[0]
    return TracePage(rows, names, None if search.below is None else span_cursor(*search.below), reached)


async def _look(connection: Connection, customer_id: CustomerId, search: _Search, begun: Place | None) -> None:
    ends_at = time.monotonic() + PATIENCE_S
    try:
        while search.below is not None and not search.is_full():
            started = time.monotonic()
            await _look_at_slice(connection, customer_id, search, begun)
            took = time.monotonic() - started
            if search.is_full() or time.monotonic() > ends_at:
                return
            search.slice_ns = _next_slice(search.slice_ns, took)
            if search.hours is None and _hours_help(search.wanted):
                search.hours = await _hours(connection, customer_id, search.wanted)
    except asyncpg.QueryCanceledError as cause:
        raise BadRequest(
            "there is too much to look through; ask for a shorter time or filter by key, user or model",
            code="search_too_wide",
        ) from cause


def _next_slice(slice_ns: int, took_s: float) -> int:
    if took_s < _QUICK_S:
        return min(slice_ns * 4, LONGEST_SLICE)
    return max(slice_ns // 2, _FIRST_SLICE // 10) if took_s > _SLOW_S else slice_ns


async def _look_at_slice(connection: Connection, customer_id: CustomerId, search: _Search, begun: Place | None) -> None:
    """The next slice below where the search is; moves it on."""
    search.below = below = _passed_over(search)
    if below is None:
        return
    lowest = max(below[0] - search.slice_ns, search.wanted.since_ns)
    most = search.most * _CANDIDATES_EACH
    rows = await _matching(connection, customer_id, search.wanted, lowest, below, most=most)
    if begun is not None:
        search.listed |= await _listed(connection, customer_id, search, rows, begun)
    for trace_id, place in rows:
        if trace_id not in search.listed and trace_id not in search.found:
            search.found[trace_id] = place
            if search.is_full():
                search.below = place
                return
    if len(rows) == most:
        search.below = rows[-1][1]
    else:
        search.below = (lowest, _NO_SPAN) if lowest > search.wanted.since_ns else None


def _hours_help(wanted: Wanted) -> bool:
    """Whether fewer hours than all may have what is wanted, and hours are kept for as long."""
    some = bool(wanted.question.filters) or wanted.question.own_user is not None
    return some and wanted.since_ns > time.time_ns() - HOURS_KEPT // timedelta(microseconds=1) * 1_000


def _passed_over(search: _Search) -> Place | None:
    """Where the next hour ends that has anything; None if there is none."""
    below = search.below
    if below is not None and search.hours is not None:
        hour = (below[0] - 1) // _HOUR_NS
        following = next((known for known in search.hours if known <= hour), -1)
        below = below if following == hour else ((following + 1) * _HOUR_NS, _NO_SPAN)
    return None if below is None or below[0] <= search.wanted.since_ns else below


async def _hours(connection: Connection, customer_id: CustomerId, wanted: Wanted) -> list[int]:
    """Newest first; by the clock of the spans, with the hours beside those of calls at midnight."""
    question = wanted.question
    rows = _sql.hours_with_spans(
        connection,
        customer_id=customer_id,
        own_user=question.own_user,
        own_teams=list(question.own_teams),
        filters=question.filters,
        since=_moment(wanted.since_ns) - timedelta(hours=2),
        until=_moment(wanted.until_ns) + timedelta(hours=2),
        others=rollups.OTHERS,
    )
    hours = {row["hour"] async for row in rows}
    beside = {hour - 1 for hour in hours if hour % 24 == 0} | {hour + 1 for hour in hours if hour % 24 == 23}
    return sorted(hours | beside, reverse=True)


async def _matching(
    connection: Connection,
    customer_id: CustomerId,
    wanted: Wanted,
    lowest_ns: int,
    below: Place | None,
    *,
    most: int,
    of_traces: Sequence[str] | None = None,
) -> list[tuple[str, Place]]:
    asked = matching_of(customer_id, wanted, lowest_ns, below, most=most, of_traces=of_traces)
    rows = _sql.matching_places(connection, **asked)
    return [(row["trace_id"], (row["start_ns"], row["span_id"])) async for row in rows]


def matching_of(
    customer_id: CustomerId,
    wanted: Wanted,
    lowest_ns: int,
    below: Place | None,
    *,
    most: int,
    of_traces: Sequence[str] | None = None,
) -> dict[str, object]:
    """What the statements are told that look for spans from `lowest_ns` on and `below` a place."""
    highest_ns = wanted.until_ns if below is None else below[0]
    return {
        "customer_id": customer_id,
        "first_day": _day(lowest_ns) - timedelta(days=1),
        "last_day": _day(highest_ns) + timedelta(days=1),
        "since_ns": lowest_ns,
        "until_ns": highest_ns,
        "before_ns": None if below is None else below[0],
        "before_span": None if below is None else below[1],
        "own_user": wanted.question.own_user,
        "own_teams": list(wanted.question.own_teams),
        "filters": wanted.question.filters,
        "status": wanted.status,
        "least_ns": wanted.least_ns,
        "most_ns": wanted.most_ns,
        "least_cost": wanted.least_cost,
        "most_cost": wanted.most_cost,
        "pattern": None if wanted.text is None else _pattern(wanted.text),
        "traces": None if of_traces is None else list(of_traces),
        "most": most,
    }


def _pattern(text: str) -> str:
    """The text itself, whatever signs are in it."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


async def _listed(
    connection: Connection,
    customer_id: CustomerId,
    search: _Search,
    rows: Sequence[tuple[str, Place]],
    begun: Place,
) -> set[str]:
    """Which of the traces of these spans were on a page before: they match at or above where this page begins."""
    fresh = list({trace_id for trace_id, _ in rows} - search.found.keys() - search.listed)
    if not fresh:
        return set()
    above = await _matching(
        connection, customer_id, search.wanted, begun[0], None, most=MOST_SPANS_OF_TRACE * 10, of_traces=fresh
    )
    return {trace_id for trace_id, place in above if place >= begun}


async def _summaries(connection: Connection, customer_id: CustomerId, search: _Search) -> list[Mapping[str, Any]]:
    if not search.found:
        return []
    starts = [place[0] for place in search.found.values()]
    rows = await _summed(connection, customer_id, search.wanted.question, list(search.found), _days_around(starts))
    by_trace = {row["trace_id"]: row for row in rows}
    return [by_trace[trace_id] for trace_id in search.found if trace_id in by_trace]


async def _summed(
    connection: Connection, customer_id: CustomerId, question: Question, trace_ids: list[str], days: tuple[date, date]
) -> list[Mapping[str, Any]]:
    rows = _sql.trace_summaries(
        connection,
        customer_id=customer_id,
        own_user=question.own_user,
        own_teams=list(question.own_teams),
        trace_ids=trace_ids,
        first_day=days[0],
        last_day=days[1],
    )
    return [row async for row in rows]


async def trace(database: Database, customer_id: CustomerId, question: Question, trace_id: str) -> Tree:
    """A trace as far as the caller may see it; raises NotFound."""
    async with database.searching() as connection:
        spans = await _spans(connection, customer_id, question, trace_id, None)
        starts = [span.start_ns for span in spans]
        rows = await _summed(connection, customer_id, question, [trace_id], _days_around(starts))
        whose = {(kind, getattr(span, column)) for span in spans for kind, column in NAMED}
        names = await names_of(connection, customer_id, whose)
        keys = [known for kind, known in names if kind == "key"]
        hashes = {
            row["id"]: row["key_hash"] async for row in _sql.key_hashes(connection, customer_id=customer_id, keys=keys)
        }
    return Tree(rows[0], names, hashes, spans)


async def span(
    database: Database,
    customer_id: CustomerId,
    question: Question,
    trace_id: str,
    span_id: str,
    source: Source | None = None,
) -> Span:
    """Raises NotFound. Ours, if somebody else sent one with its ids and nobody says which."""
    async with database.searching() as connection:
        found = await _spans(connection, customer_id, question, trace_id, span_id)
    wanted = [each for each in found if source is None or each.source == source]
    if not wanted:
        raise _missing()
    return max(wanted, key=lambda each: each.source == "proxy")


async def _spans(
    connection: Connection, customer_id: CustomerId, question: Question, trace_id: str, span_id: str | None
) -> list[Span]:
    rows = _sql.trace_spans(
        connection,
        customer_id=customer_id,
        own_user=question.own_user,
        own_teams=list(question.own_teams),
        trace_id=trace_id,
        span_id=span_id,
        most=MOST_SPANS_OF_TRACE,
    )
    found = [of_row(row) async for row in rows]
    if not found:
        raise _missing()
    return found


def _missing() -> NotFound:
    return NotFound("there is no such trace or span (yet)", code="trace_not_found")


def _days_around(starts_ns: list[int]) -> tuple[date, date]:
    """The first and last day of spans that began then: a call of ours may lie in the day beside its own."""
    return _day(min(starts_ns)) - timedelta(days=1), _day(max(starts_ns)) + timedelta(days=1)


def _moment(ns: int) -> datetime:
    return _EPOCH + timedelta(microseconds=ns // 1000)


def _day(ns: int) -> date:
    return _moment(ns).date()
