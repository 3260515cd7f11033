"""What the ledger adds to a call: the same road in the same process, with budgets on and off, in turns.

Off means: nothing is held, nothing is written down. Everything else, the receipt's making included, stays. One
connection tells what a call alone waits longer; many connections tell what they take from each other. Beside it: how
many transactions the database made for a thousand calls.
"""

import argparse
import asyncio
import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Final, cast

import msgspec
from bench import wrk
from bench.figures import Load
from bench.one_megabyte import settings_of
from bench.processes import AHEAD, BenchError, end_in_order_when_told, on_core, pick_cores, run_children_ahead
from bench.seed import seed
from bench.targets import commits, provider
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
from tollhouse.settings import Settings, make_data_dir

_BODY: Final = msgspec.json.encode(
    {"model": MODEL, "max_tokens": 40, "messages": [{"role": "user", "content": "What is the toll?"}]}
)
_WARM_UP_S: Final = 8
_CONNECTIONS: Final = (1, 16)


class NoLedger:
    """Lets every call pass and remembers nothing."""

    async def hold(self, wish: Wish) -> Reserved:
        return Reserved(wish.call, 0, (), wish.amount or Nanos(0))

    def settle(self, call_id: CallId, kind: SettlementKind, cost: Nanos, note: bytes = b"") -> None:
        """Nothing was held."""


@dataclass(frozen=True, slots=True)
class Caller:
    """wrk on its core; `apart`: ahead of whoever else is there."""

    folder: Path
    core: int
    apart: bool

    async def call(self, address: str, key: str, connections: int, seconds: int) -> Load:
        """Raises BenchError if a call failed."""
        command = wrk.command(wrk.LOAD, connections, seconds, address, f"Bearer {key}", self.folder / "call.json")
        with on_core(self.core):
            running = await asyncio.create_subprocess_exec(
                *[*AHEAD, *command] if self.apart else command, stdout=asyncio.subprocess.PIPE
            )
        output, _ = await running.communicate()
        load = wrk.told(output)
        if load.failed or not load.requests:
            raise BenchError(f"{load.failed} of {load.requests} calls failed")
        return load


@dataclass(frozen=True, slots=True)
class Turns:
    """All turns of one kind; the median of each figure counts."""

    on: list[Load]
    off: list[Load]
    transactions: float
    """Of the database, for a thousand calls with the ledger on."""


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=8, help="length of a turn")
    parser.add_argument("--turns", type=int, default=5, help="turns with the ledger on, and as many without")
    parser.add_argument("--apart", action="store_true", help="load and upstream never wait for Postgres")
    told = parser.parse_args()
    configure("console", "error")
    end_in_order_when_told()
    try:
        table = _measure(told.seconds, told.turns, apart=told.apart)
    except (BenchError, StartupError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(table)
    return 0


def _measure(seconds: int, turns: int, *, apart: bool) -> str:
    cores = pick_cores()
    with tempfile.TemporaryDirectory(prefix="tollhouse-bench-") as name, on_core(cores.load):
        folder = Path(name)
        (folder / "call.json").write_bytes(_BODY)
        with provider(folder, cores, chunks=1, delay_ms=0) as upstream:
            if apart:
                run_children_ahead()
            settings = settings_of(folder, upstream)
            make_data_dir(settings)
            with server.running(settings.database_url, settings.data_dir) as url, on_core(cores.gateway):
                return asyncio.run(_drive(settings, url, Caller(folder, cores.load, apart), seconds, turns))


async def _drive(settings: Settings, url: str, caller: Caller, seconds: int, turns: int) -> str:
    keys = await seed(url)
    lines = [
        "| connections | | p50 ms | p99 ms | calls/s | database transactions / 1,000 calls |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    async with _both(settings, url) as (with_ledger, without):
        # Budgets that were set a moment ago are recalled: for some seconds calls ask for each dollar.
        await caller.call(with_ledger, keys.limited, 1, _WARM_UP_S)
        for connections in _CONNECTIONS:
            seen = Turns([], [], 0.0)
            made = 0
            for _ in range(turns):
                before = await asyncio.to_thread(commits, url)
                seen.on.append(await caller.call(with_ledger, keys.limited, connections, seconds))
                made += await asyncio.to_thread(commits, url) - before
                seen.off.append(await caller.call(without, keys.limited, connections, seconds))
            calls = sum(load.requests for load in seen.on)
            lines += _rows(connections, replace(seen, transactions=1000 * made / calls))
    return "\n".join(lines)


@contextlib.asynccontextmanager
async def _both(settings: Settings, url: str) -> AsyncIterator[tuple[str, str]]:
    """Where calls go with the ledger, and where without: one house, one loop, two ports."""
    async with app.open_house(settings, url) as house, contextlib.AsyncExitStack() as stack:
        keeper = cast("Keeper", NoLedger())
        road = replace(house.road, keeper=keeper, settler=Settler(keeper, house.road.clock, house.counts))
        same = house.application
        without = app.Application(Gateway(road, road.clock, house.counts), same.intake, same.control)
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
    """Of each figure by itself."""
    return Load(
        sum(load.requests for load in loads),
        sum(load.seconds for load in loads),
        median(load.p50_ms for load in loads),
        median(load.p99_ms for load in loads),
        0,
    )


if __name__ == "__main__":
    sys.exit(main())
