"""`make soak`: run campaigns at full length and print what was seen, as rows for bench/ledger.md."""

import argparse
import importlib
import logging
import resource
import shutil
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

import uvloop

from campaigns import postgres
from campaigns.postgres import Postgres
from campaigns.result import Result, Scale
from making import create_database
from tollhouse.db import migrate

CAMPAIGNS: Final = {
    "T1": ("t01_storm", "100,000 calls, 1 to 512 clients, 1 and 4 workers on 2 nodes, three limits; 10 minutes"),
    "T2": ("t02_scopes", "50 keys, 5 teams, one customer, 20,000 calls; 2 minutes"),
    "T3": ("t03_last_cent", "budgets of exactly 1,000 calls, 64 clients, 12 rounds; 2 minutes"),
    "T4": ("t04_kills", "kill -9 of one of 4 workers every 2 s, 200 calls/s; 10 minutes, or --minutes"),
    "T5": ("t05_crash_points", "10 ends at each of 15 named points, killed and frozen, on 3 nodes; 30 minutes"),
    "T6": ("t06_power", "50 power cuts of 2 workers whose disk lost what was not durable; 15 minutes"),
    "T7": ("t07_database", "the database slow, away for 10 s and 2 min, silent, cut, killed; 10 minutes"),
    "T8": ("t08_rollover", "120 ends of periods under load, 40 rounds; 5 minutes"),
    "T9": ("t09_admin", "10 changes a second to limits and keys; 10 minutes, or --minutes"),
    "T12": ("t12_sse", "10,000 streams of providers and callers that break every habit; 5 minutes"),
    "T13": ("t13_bound", "prompts of ten kinds against real tokenisers; 5 minutes"),
    "T14": ("t14_fuzz", "the API against its description, parsers against chosen bytes; 60 minutes, or --minutes"),
    "T15": ("t15_damage", "1,000 journals, each record damaged in every way; 10 minutes"),
    "T16": ("t16_soak", "150 calls/s on 10,000 keys with kills and outages; 30 minutes, or --minutes"),
    "T17": ("t17_partition", "one of two nodes cut off from the database 12 times; 10 minutes"),
    "T18": ("t18_billing", "1,000 calls and 50 strikes of kill -9 while usage goes to a Stripe that fails; 5 minutes"),
}

Run = Callable[[Scale], Awaitable[Result]]


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak CAMPAIGN=...", description=__doc__)
    parser.add_argument("campaigns", nargs="*", help="T1 and so on, or all")
    parser.add_argument("--small", action="store_true", help="the form that `make test` runs")
    parser.add_argument("--minutes", type=float, help="another length for those that last")
    parser.add_argument("--keep", action="store_true", help="leave logs and data where they are, and say where")
    told = parser.parse_args()
    names = [name.upper() for name in told.campaigns]
    if not names:
        print("\n".join(f"{name:<4} {about}" for name, (_, about) in CAMPAIGNS.items()))
        return 0
    chosen = list(CAMPAIGNS) if "ALL" in names else names
    unknown = [name for name in chosen if name not in CAMPAIGNS]
    if unknown:
        parser.error(f"no such campaign: {', '.join(unknown)}")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)  # loud about servers that we stop on purpose
    with postgres.running() as server:
        results = [_run(server, name, told) for name in chosen]
    return 1 if any(result.broken for result in results) else 0


def _run(server: Postgres, name: str, told: argparse.Namespace) -> Result:
    run: Run = importlib.import_module(f"campaigns.{CAMPAIGNS[name][0]}").run
    url = create_database(server.url, "template0")
    migrate.upgrade(url)
    folder = Path(mkdtemp(prefix=f"tollhouse-{name.lower()}."))
    began = time.monotonic()
    result = uvloop.run(_with(run, Scale(url, folder, not told.small, server, told.minutes)))
    result.figures["took s"] = round(time.monotonic() - began)
    print(result.row(), flush=True)
    if told.keep:
        print(f"Logs and data of {name} are in {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return result


async def _with(run: Run, scale: Scale) -> Result:
    return await run(scale)


if __name__ == "__main__":
    sys.exit(main())
