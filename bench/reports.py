"""How long reports take over ten million spans of thirty days: every report is asked many times over HTTP.

One customer has all but a few of the spans: 60 people, 6 teams, 72 keys, 12 models, 4 tools; four in ten are calls
through Tollhouse, the others traces of six spans that an agent sent. The server is one `tollhouse serve` beside its
PostgreSQL on the same machine; one request after the other over one connection. Needs some 15 GB of disk; see
bench/reports.md.
"""

import argparse
import asyncio
import http.client
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
import psycopg
from bench.asking import Timed, get, query, timed
from bench.processes import BenchError, end_in_order_when_told, free_port, pick_cores, running

from tollhouse.control.callers import Actor
from tollhouse.control.people import tokens
from tollhouse.control.people.tokens import TokenTerms
from tollhouse.db import migrate, pool, server
from tollhouse.foundation.errors import StartupError
from tollhouse.foundation.ids import CustomerId, UserId
from tollhouse.foundation.logs import configure
from tollhouse.traces import rollups

DAYS: Final = 30
_LARGE: Final = CustomerId("00000000-0000-4000-8000-000000000001")
_SMALL: Final = CustomerId("00000000-0000-4000-8000-000000000002")
_SMALL_SPANS: Final = 10_000
_READY_S: Final = 120
_STATEMENTS: Final = Path(__file__).with_name("reports.sql")


@dataclass(frozen=True, slots=True)
class Asked:
    """A report by its address, and how long it may take at the 95th percentile."""

    name: str
    path: str
    bar_ms: float


Answered = tuple[Asked, Timed]


def main() -> int:
    """Print the table; 1 if a report is slower than it may be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=40, help="how often each report is asked")
    parser.add_argument("--spans", type=int, default=10_000_000)
    parser.add_argument("--database", help="a database to fill, if it is empty, and to keep; else one is made")
    told = parser.parse_args()
    configure("console", "error")
    end_in_order_when_told()
    try:
        reports = _measure(told.database, told.spans, told.times)
    except (BenchError, StartupError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(_table(reports))
    return int(bool(_late(reports)))


def _measure(database: str | None, spans: int, times: int) -> list[Answered]:
    with tempfile.TemporaryDirectory(prefix="tollhouse-bench-") as name:
        folder = Path(name)
        with _database(database, folder) as url:
            _seed(url, spans)
            token = asyncio.run(_token(url))
            return _ask_all(url, folder, token, times)


@contextmanager
def _database(url: str | None, folder: Path) -> Iterator[str]:
    if url is None:
        with server.running(None, folder) as made:
            yield made
    else:
        migrate.upgrade(url)
        yield url


# Seeding ---------------------------------------------------------------------------------------------------


def _seed(url: str, spans: int) -> None:
    parts = dict(re.findall(r"^-- name: (\w+)\n(.*?)(?=^-- name: |\Z)", _STATEMENTS.read_text(), re.S | re.M))
    today = datetime.now(UTC).date()
    first = today - timedelta(days=DAYS - 1)
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        if connection.execute("SELECT 1 FROM telemetry_spans LIMIT 1").fetchone():
            return
        begun = time.monotonic()
        connection.execute(parts["people"].encode(), {"large": _LARGE, "small": _SMALL})
        connection.execute("SELECT open_day_partitions('telemetry_spans', %s, %s)", (first, DAYS + 8))
        for number in range(DAYS):
            _seed_day(connection, parts, first + timedelta(days=number), spans // DAYS)
        asyncio.run(_fold_all(url))
        connection.execute("VACUUM ANALYZE")
    print(f"seeded {spans:,} spans in {time.monotonic() - begun:,.0f} s", file=sys.stderr)


def _seed_day(
    connection: "psycopg.Connection[tuple[object, ...]]", parts: Mapping[str, str], day: date, spans: int
) -> None:
    for customer, share in ((_LARGE, spans), (_SMALL, _SMALL_SPANS)):
        numbers = {"day": str(day), "customer": customer, "spans": share}
        connection.execute(parts["day"].encode(), numbers)
        connection.execute(parts["sums"].encode(), numbers)


async def _fold_all(url: str) -> None:
    database = await pool.connect(url, size=1)
    try:
        while await rollups.fold(database):
            pass
    finally:
        await database.close()


async def _token(url: str) -> str:
    database = await pool.connect(url, size=1)
    try:
        async with database.transaction() as connection:
            admin = await connection.fetchval("SELECT id FROM users WHERE customer_id = $1 AND role = 'admin'", _LARGE)
            made = await tokens.create_token(connection, Actor(_LARGE, "bench"), UserId(admin), TokenTerms("bench"))
            return made.raw.reveal()
    finally:
        await database.close()


# Asking ----------------------------------------------------------------------------------------------------


def _ask_all(url: str, folder: Path, token: str, times: int) -> list[Answered]:
    port = free_port()
    command = [sys.executable, "-m", "tollhouse", "serve"]
    told = {"DATABASE_URL": url, "TOLLHOUSE_DATA_DIR": str(folder / "data"), "TOLLHOUSE_PORT": str(port)}
    with running(command, port, folder / "serve.log", core=pick_cores().gateway, more=told, ready_s=_READY_S):
        here = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        return [(asked, timed(here, asked.name, asked.path, token, times)) for asked in _reports(here, token)]


def _reports(here: http.client.HTTPConnection, token: str) -> list[Asked]:
    now = datetime.now(UTC).replace(microsecond=0)
    month, week, day = [(now - timedelta(days=days)).isoformat() for days in (DAYS - 1, 7, 1)]
    values = {
        dimension: _rows(here, token, f"/v1/reports/top/{dimension}")[3]["value"] for dimension in ("user", "key")
    }
    trace = msgspec.json.decode(get(here, "/v1/traces/search?limit=1", token))["traces"][0]["trace_id"]
    return [
        *(
            Asked(f"overview, {name}", query("/v1/reports/overview", since=since), 100)
            for name, since in (("30 days", month), ("7 days", week), ("a day", day))
        ),
        Asked("overview of a user, 30 days", query("/v1/reports/overview", since=month, user=values["user"]), 100),
        *_all_series(month, week, day, values),
        *(Asked(f"top of {by}, 30 days", query(f"/v1/reports/top/{by}", since=month), 300) for by in ("model", "key")),
        Asked("latency by model, 30 days", query("/v1/reports/latency", since=month, by="model"), 300),
        Asked("errors by model, 30 days", query("/v1/reports/errors", since=month, by="model"), 300),
        Asked("tools", "/v1/tools", 100),
        *_searches(month, day, values),
        Asked("a trace", f"/v1/traces/{trace}", 500),
    ]


def _all_series(month: str, week: str, day: str, values: Mapping[str, str]) -> Iterator[Asked]:
    path = "/v1/reports/series"
    for by in ("model", "provider", "vendor", "tool", "user", "team", "key", "source"):
        yield Asked(f"cost by day and {by}, 30 days", query(path, since=month, measure="cost", by=by), 300)
    for measure in ("calls", "tokens", "error_rate"):
        asked = query(path, since=month, measure=measure, by="model", step="hour")
        yield Asked(f"{measure} by hour and model, 30 days", asked, 300)
    yield Asked("cost by hour and key, 30 days", query(path, since=month, measure="cost", by="key", step="hour"), 300)
    yield Asked("p95 by hour, 30 days", query(path, since=month, measure="p95", step="hour"), 300)
    yield Asked("p95 by day and user, 30 days", query(path, since=month, measure="p95", by="user"), 300)
    yield Asked("p95 by hour and model, 7 days", query(path, since=week, measure="p95", step="hour", by="model"), 300)
    yield Asked("p99 by hour and model, a day", query(path, since=day, measure="p99", by="model"), 300)
    one = query(path, since=month, measure="cost", step="hour", key=values["key"])
    yield Asked("cost of a key by hour, 30 days", one, 300)


def _searches(month: str, day: str, values: Mapping[str, str]) -> Iterator[Asked]:
    kinds: dict[str, dict[str, object]] = {
        "newest": {},
        "of a model": {"model": "model-7"},
        "of a user": {"user": values["user"]},
        "of a key, failed, longer than 5 s": {"key": values["key"], "status": "error", "min_duration_ms": 5000},
        "dearer than 0.00078 USD": {"min_cost_usd": "0.00078"},
        "nobody's": {"user": "nobody"},
        "a word all have": {"text": "chatcmpl"},
        "a word few have": {"text": "0123ab"},
        "a word none has": {"text": "no such word"},
    }
    for name, given in kinds.items():
        yield Asked(f"search, {name}, 30 days", query("/v1/traces/search", since=month, **given), 500)
    yield Asked("search, a word none has, a day", query("/v1/traces/search", since=day, text="no such word"), 500)


def _rows(here: http.client.HTTPConnection, token: str, path: str) -> list[Mapping[str, str]]:
    rows: list[Mapping[str, str]] = msgspec.json.decode(get(here, path, token))["rows"]
    return rows


def _table(reports: Sequence[Answered]) -> str:
    lines = ["| report | may take ms | p50 ms | p95 ms | worst ms | kB |", "|---|---:|---:|---:|---:|---:|"]
    lines += [
        f"| {asked.name} | {asked.bar_ms:.0f} | {took.p50_ms:.1f} | {took.p95_ms:.1f} | "
        f"{took.worst_ms:.1f} | {took.kilobytes:,.1f} |"
        for asked, took in reports
    ]
    late = _late(reports)
    return "\n".join([*lines, "", f"Too slow at p95: {', '.join(late)}" if late else "All as fast as they must be."])


def _late(reports: Sequence[Answered]) -> list[str]:
    return [asked.name for asked, took in reports if took.p95_ms > asked.bar_ms]


if __name__ == "__main__":
    sys.exit(main())
