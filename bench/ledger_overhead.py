"""What the ledger adds to a call: the same road in the same process, with budgets on and off, in turns.

Off means: nothing is held, nothing is written down. Everything else, the receipt's making included, stays. One
connection tells what a call alone waits longer; many connections tell what they take from each other. Beside it: how
many transactions the database made for a thousand calls.
"""

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, cast

import asyncpg
import msgspec
import psutil
from bench.one_megabyte import settings_of
from bench.processes import BenchError, Cores, end_in_order_when_told, on_core, pick_cores
from bench.seed import seed
from bench.targets import provider
from bench.upstream import MODEL

from tollhouse import app, serving
from tollhouse.db import server
from tollhouse.foundation.errors import StartupError
from tollhouse.foundation.ids import CallId
from tollhouse.foundation.logs import configure
from tollhouse.foundation.money import Nanos
from tollhouse.gateway.asgi import CHAT_PATH, Gateway
from tollhouse.gateway.settle import Settler
from tollhouse.ledger.keeper import Keeper
from tollhouse.ledger.purse import Wish
from tollhouse.ledger.records import Reserved, SettlementKind
from tollhouse.settings import Settings

_BODY: Final = msgspec.json.encode(
    {"model": MODEL, "max_tokens": 40, "messages": [{"role": "user", "content": "What is the toll?"}]}
)
_SCRIPT: Final = Path(__file__).with_name("load.lua")
_STATISTICS_S: Final = 1.5
_WARM_UP_S: Final = 8
_CONNECTIONS: Final = (1, 16)


class NoLedger:
    """Lets every call pass and remembers nothing."""

    async def hold(self, wish: Wish) -> Reserved:
        return Reserved(wish.call, 0, (), wish.amount or Nanos(0))

    def settle(self, call_id: CallId, kind: SettlementKind, cost: Nanos, note: bytes = b"") -> None:
        """Nothing was held."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of wrk saw; times in milliseconds."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failed: int


@dataclass(frozen=True, slots=True)
class Turns:
    """All turns of one kind; the median turn counts."""

    on: list[Load]
    off: list[Load]
    transactions: float
    """Of the database, for a thousand calls with the ledger on."""


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=4, help="length of a turn")
    parser.add_argument("--turns", type=int, default=5, help="turns with the ledger on, and as many without")
    parser.add_argument("--polite", action="store_true", help="Postgres makes way for load and upstream")
    told = parser.parse_args()
    configure("console", "error")
    end_in_order_when_told()
    try:
        table = _measure(told.seconds, told.turns, polite=told.polite)
    except (BenchError, StartupError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(table)
    return 0


def _make_way(data_dir: Path) -> None:
    """Let Postgres work when nobody else wants the core that it shares with load and upstream.

    In production it has a core, or a machine, of its own; here its bursts would be waited for by every caller.
    """
    postmaster = int((data_dir / "postgres/postmaster.pid").read_text().splitlines()[0])
    for process in (psutil.Process(postmaster), *psutil.Process(postmaster).children()):
        os.sched_setscheduler(process.pid, os.SCHED_IDLE, os.sched_param(0))


def _measure(seconds: int, turns: int, *, polite: bool) -> str:
    cores = pick_cores()
    with tempfile.TemporaryDirectory(prefix="tollhouse-bench-") as name, on_core(cores.load):
        folder = Path(name)
        (folder / "call.json").write_bytes(_BODY)
        with provider(folder, cores, chunks=1, delay_ms=0) as upstream:
            settings = settings_of(folder, upstream)
            app.make_data_dir(settings)
            with server.running(settings.database_url, settings.data_dir) as url, on_core(cores.gateway):
                if polite:
                    _make_way(settings.data_dir)
                return asyncio.run(_drive(settings, url, folder, cores, seconds, turns))


async def _drive(settings: Settings, url: str, folder: Path, cores: Cores, seconds: int, turns: int) -> str:
    keys = await seed(url)
    lines = [
        "| connections | | p50 ms | p99 ms | calls/s | database transactions / 1,000 calls |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    async with _both(settings, url) as (with_ledger, without):
        # Budgets that were set a moment ago are recalled: for some seconds calls ask for each dollar.
        await _load(with_ledger, keys.limited, folder, cores, 1, _WARM_UP_S)
        for connections in _CONNECTIONS:
            seen = Turns([], [], 0.0)
            made = 0
            for _ in range(turns):
                before = await _transactions(url)
                seen.on.append(await _load(with_ledger, keys.limited, folder, cores, connections, seconds))
                made += await _transactions(url) - before
                seen.off.append(await _load(without, keys.limited, folder, cores, connections, seconds))
            calls = sum(load.requests for load in seen.on)
            lines += _rows(connections, replace(seen, transactions=1000 * made / calls))
    return "\n".join(lines)


@contextlib.asynccontextmanager
async def _both(settings: Settings, url: str) -> AsyncIterator[tuple[str, str]]:
    """Where calls go with the ledger, and where without: one house, one loop, two ports."""
    async with app.open_house(settings, url) as house, contextlib.AsyncExitStack() as stack:
        keeper = cast("Keeper", NoLedger())
        road = replace(house.road, keeper=keeper, settler=Settler(keeper, house.road.clock))
        without = app.Application(Gateway(road, road.clock), house.application.control)
        addresses = []
        for application in (house.application, without):
            listener = serving.listen("127.0.0.1", 0)
            server = serving.make_server(application, max_header_bytes=settings.max_header_bytes, shutdown_s=5)
            task = asyncio.create_task(server.serve(sockets=[listener]))
            stack.push_async_callback(server.last_words, 5)
            stack.push_async_callback(asyncio.wait, [task])
            stack.callback(server.stop)
            addresses.append(f"http://127.0.0.1:{listener.getsockname()[1]}{CHAT_PATH}")
        serving.settle_memory()
        yield addresses[0], addresses[1]


async def _load(address: str, key: str, folder: Path, cores: Cores, connections: int, seconds: int) -> Load:
    with on_core(cores.load):
        wrk = await asyncio.create_subprocess_exec(
            *["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(_SCRIPT)],
            *[address, "--", f"Bearer {key}", str(folder / "call.json")],
            stdout=asyncio.subprocess.PIPE,
        )
    told, _ = await wrk.communicate()
    load = msgspec.json.decode(told.splitlines()[-1], type=Load)
    if load.failed or not load.requests:
        raise BenchError(f"{load.failed} of {load.requests} calls failed")
    return load


async def _transactions(url: str) -> int:
    """Commits so far, once the server has counted them all."""
    await asyncio.sleep(_STATISTICS_S)
    connection = await asyncpg.connect(url)
    try:
        return int(
            await connection.fetchval("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
        )
    finally:
        await connection.close()


def _rows(connections: int, seen: Turns) -> list[str]:
    on, off = _median(seen.on), _median(seen.off)
    added_p50, added_p99 = (on.p50_ms - off.p50_ms) * 1000, (on.p99_ms - off.p99_ms) * 1000
    return [
        _row(connections, "budgets off", off, ""),
        _row(connections, "budgets on", on, f"{seen.transactions:.1f}"),
        f"| {connections} | **added** | {added_p50:+.0f} us | {added_p99:+.0f} us | | |",
    ]


def _row(connections: int, name: str, load: Load, transactions: str) -> str:
    rate = load.requests / load.seconds
    return f"| {connections} | {name} | {load.p50_ms:.3f} | {load.p99_ms:.3f} | {rate:,.0f} | {transactions} |"


def _median(loads: list[Load]) -> Load:
    return sorted(loads, key=lambda load: load.p50_ms)[len(loads) // 2]


if __name__ == "__main__":
    sys.exit(main())
