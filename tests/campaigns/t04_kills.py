"""T4, kill -9 in a loop: a worker dies every two seconds, and nothing is overspent, lost, or booked twice.

Calls come at a steady pace over all workers; one customer has money without end, others a little. After each kill
the time is taken until the book has closed the dead life: everything in its journal booked, its leases given back.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from campaigns import books
from campaigns.ground import Ground, family, opened, scripted
from campaigns.load import Order, Pace, Tally, chat, drive, percentile_ms
from campaigns.result import Result, Scale
from tollhouse.db.pool import Database

WIDE: Final = 10**12
NARROW: Final = 3_000_000
MAX_TOKENS: Final = 60
RECOVERED_WITHIN_S: Final = 2.0
_GIVE_UP_S: Final = 30.0


@dataclass(slots=True)
class Kills:
    """What the killing saw. `recoveries_s`: of each killed worker."""

    count: int = 0
    recoveries_s: list[float] = field(default_factory=list)
    never: list[str] = field(default_factory=list)


async def run(scale: Scale) -> Result:
    result = Result("T4 kill -9 loop", scale.full)
    seconds, every_s = scale.seconds(5, 600), scale.pick(1.5, 2.0)
    tally, kills = Tally(), Kills()
    async with opened(scale, nodes=1, workers=scale.pick(2, 4)) as ground:
        async with scripted(ground.emulator, lambda: slow_and_fast(ground)):
            killing = asyncio.create_task(kill_workers(ground, kills, seconds, every_s))
            orders = steady_orders(ground, scale.pick(60, 200), killing)
            await drive(ground.ports, scale.pick(16, 64), orders, tally.add)
            await killing
        booked = await books.examine(ground, result, killed=True)
    judge(result, tally, kills, booked)
    return result


def slow_and_fast(ground: Ground) -> dict[str, Any]:
    """Some answers take a while, so that a kill finds calls in every state."""
    script: dict[str, Any] = {"completion_tokens": ground.chance.randint(0, MAX_TOKENS)}
    script["latency_ms"] = ground.chance.choice((0, 0, 10, 50))
    if ground.chance.random() < 0.1:
        script["chunk_delay_ms"] = 5
    return script


async def steady_orders(ground: Ground, per_s: float, until: "asyncio.Task[Any]") -> AsyncIterator[Order]:
    """Until the task has ended. Half of the calls are of customers who soon have nothing left."""
    wide = await family(ground, WIDE)
    narrow = await family(ground, NARROW)
    pace = Pace(per_s)
    number = 0
    while not until.done():
        await pace.turn()
        number += 1
        if number % 1_000 == 0:
            narrow = await family(ground, NARROW)
        keys = narrow if number % 2 else wide
        asked = chat(f"Call number {number}.", MAX_TOKENS, stream=number % 3 == 0)
        yield Order(ground.chance.choice(keys).raw_key, asked)


async def kill_workers(ground: Ground, kills: Kills, seconds: float, every_s: float) -> None:
    """One at a time, any of all nodes'; the last one long enough before the end to be recovered from."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    watchers: set[asyncio.Task[None]] = set()
    while loop.time() + every_s < end:
        await asyncio.sleep(every_s)
        working = ground.chance.choice(ground.nodes).working()
        if not working:
            continue
        life = _kill(ground.chance.choice(working))
        kills.count += 1
        if life is not None:
            watchers.add(asyncio.create_task(_watch(ground.database, life, kills)))
    await asyncio.sleep(every_s)
    if watchers:
        await asyncio.wait(watchers)


def _kill(victim: psutil.Process) -> tuple[str, int] | None:
    """Whose life that was: worker and epoch; None for a process that had not begun to serve."""
    with suppress(psutil.NoSuchProcess, FileNotFoundError):
        life = _life(victim)
        victim.kill()
        return life
    return None


def _life(process: psutil.Process) -> tuple[str, int] | None:
    """The slot whose lock the process has held longest, and the newest epoch whose journal it writes there."""
    held = [Path(each.path) for each in sorted(process.open_files(), key=lambda each: each.fd)]
    slot = next((path.parent for path in held if path.name == "lock"), None)
    if slot is None:
        return None
    journals = [path for path in held if path.parent == slot / "journal" and path.name[:1].isdigit()]
    epochs = [int(path.name.partition("-")[0]) for path in journals]
    return ((slot / "id").read_text().strip(), max(epochs)) if epochs else None


async def _watch(database: Database, life: tuple[str, int], kills: Kills) -> None:
    """Until the book has closed this life."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while loop.time() - began < _GIVE_UP_S:
        async with database.connection() as connection:
            state = await connection.fetchval(
                "SELECT state FROM ledger_marks WHERE (worker_id, epoch) = ($1, $2)", *life
            )
        if state == "closed":
            kills.recoveries_s.append(loop.time() - began)
            return
        await asyncio.sleep(0.02)
    kills.never.append(f"{life[0]}, epoch {life[1]}")


def judge(result: Result, tally: Tally, kills: Kills, booked: dict[str, books.Booked]) -> None:
    p99 = percentile_ms(kills.recoveries_s, 0.99)
    result.figures |= {
        "asked": tally.calls, "200": tally.statuses[200], "402": tally.statuses[402], "429": tally.statuses[429],
        "503": tally.statuses[503], "broken by a kill": tally.broken, "kills": kills.count,
        "of those who served": len(kills.recoveries_s),
        "recovery p50 ms": percentile_ms(kills.recoveries_s, 0.5), "p99 ms": p99,
        "slowest ms": percentile_ms(kills.recoveries_s, 1.0),
    }  # fmt: skip
    result.expect(len(kills.recoveries_s) > 0, "nobody was killed who served")
    result.expect(not kills.never, f"lives that nobody closed within {_GIVE_UP_S:g} s: {kills.never}")
    result.expect_in_time(p99 <= RECOVERED_WITHIN_S * 1000, f"recovery took {p99:.0f} ms (p99)")
    books.judge_what_was_seen(result, tally, booked)
