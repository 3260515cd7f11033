"""T16, the soak: everything at once for a long time, on many keys, with kills and outages in between.

The first node's workers are killed now and then; the second node's never are, so that what it keeps in memory and
open files can be compared over time. The database goes away for some seconds at a time.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

import psutil

from campaigns import books
from campaigns.ground import Ground, opened, scripted
from campaigns.load import Order, Pace, Tally, chat, drive, percentile_ms
from campaigns.proxy import Faults
from campaigns.result import Result, Scale
from tollhouse.ledger import budgets

MAX_TOKENS: Final = 60
LIMIT: Final = 40_000_000
AWAY_S: Final = 10.0
_MOST_DRIFT: Final = 0.05
_LOOK_EVERY: Final = 40
"""Looks in the whole of a run."""


@dataclass(slots=True)
class Health:
    """What was seen of the second node's workers, and of the audit, look by look."""

    rss: list[int] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    audit: list[str] = field(default_factory=list)
    kills: int = 0
    outages: int = 0


async def run(scale: Scale) -> Result:
    result = Result("T16 soak", scale.full)
    seconds = scale.seconds(20, 1_800)
    tally, health = Tally(), Health()
    async with opened(scale, workers=2, proxied=True) as ground:
        raw_keys = [raw for _ in range(scale.pick(4, 200)) for raw in await _keys_of_a_customer(ground, scale)]
        async with scripted(ground.emulator, lambda: _script(ground)):
            lasting = asyncio.create_task(asyncio.sleep(seconds))
            async with asyncio.TaskGroup() as group:
                group.create_task(_kill_now_and_then(ground, health, lasting, seconds / scale.pick(4, 30)))
                group.create_task(_go_away_now_and_then(ground, health, lasting, seconds / scale.pick(2, 6)))
                group.create_task(_look(ground, health, lasting, seconds / _LOOK_EVERY))
                group.create_task(_ask(ground, raw_keys, tally, lasting))
        booked = await books.examine(ground, result, killed=True)
    _judge(result, tally, health, len(raw_keys))
    books.judge_what_was_seen(result, tally, booked)
    return result


async def _keys_of_a_customer(ground: Ground, scale: Scale) -> list[str]:
    """Half of the keys are a team's, half a user's; all levels have limits."""
    customer_id = await ground.customer(LIMIT, "daily")
    team_id, user_id = await ground.team(customer_id, LIMIT, "daily"), await ground.user(customer_id, LIMIT, "daily")
    half = scale.pick(5, 25)
    keys = [await ground.key(customer_id, LIMIT // 2, "daily", team_id=team_id) for _ in range(half)]
    keys += [await ground.key(customer_id, LIMIT // 2, "daily", user_id=user_id) for _ in range(half)]
    return [key.raw_key for key in keys]


def _script(ground: Ground) -> dict[str, Any]:
    script: dict[str, Any] = {"completion_tokens": ground.chance.randint(0, MAX_TOKENS)}
    script["latency_ms"] = ground.chance.choice((0, 0, 0, 20, 200))
    return script


async def _ask(ground: Ground, raw_keys: list[str], tally: Tally, until: "asyncio.Task[None]") -> None:
    """Some keys are asked for much more often than others."""

    async def orders() -> AsyncIterator[Order]:
        pace = Pace(ground.scale.pick(60, 150))
        number = 0
        while not until.done():
            await pace.turn()
            number += 1
            place = int(len(raw_keys) * ground.chance.random() ** 3)
            yield Order(raw_keys[place], chat(f"Call number {number}.", MAX_TOKENS, stream=number % 3 == 0))

    await drive(ground.ports, ground.scale.pick(16, 64), orders(), tally.add)


async def _kill_now_and_then(ground: Ground, health: Health, until: "asyncio.Task[None]", every_s: float) -> None:
    while not await _over_within(until, every_s):
        working = ground.nodes[0].working()
        if working:
            ground.chance.choice(working).kill()
            health.kills += 1


async def _go_away_now_and_then(ground: Ground, health: Health, until: "asyncio.Task[None]", every_s: float) -> None:
    away_s = min(AWAY_S, every_s / 4)
    while not await _over_within(until, every_s - away_s):
        for proxy in ground.proxies:
            proxy.faults = Faults(refuse=True)
            proxy.drop()
        await asyncio.sleep(away_s)
        for proxy in ground.proxies:
            proxy.heal()
        health.outages += 1


async def _look(ground: Ground, health: Health, until: "asyncio.Task[None]", every_s: float) -> None:
    while not await _over_within(until, every_s):
        workers = ground.nodes[1].working()
        health.rss.append(sum(worker.memory_info().rss for worker in workers))
        health.files.append(sum(_files(worker) for worker in workers))
        async with ground.database.connection() as connection:
            health.audit += [str(breach) for breach in await budgets.audit(connection)]


def _files(process: psutil.Process) -> int:
    """Open files that are not connections: those come and go with the calls."""
    return int(process.num_fds()) - len(process.net_connections("all"))


async def _over_within(until: "asyncio.Task[None]", seconds: float) -> bool:
    done, _ = await asyncio.wait([until], timeout=seconds)
    return bool(done)


def _judge(result: Result, tally: Tally, health: Health, keys: int) -> None:
    third = len(health.rss) // 3
    early, late = _mean(health.rss[third : 2 * third]), _mean(health.rss[2 * third :])
    drift = late / early - 1 if early else 0.0
    files = max(health.files[2 * third :], default=0) - max(health.files[third : 2 * third], default=0)
    result.figures |= {
        "keys": keys, "kills": health.kills, "outages": health.outages, "asked": tally.calls,
        **{str(status): count for status, count in sorted(tally.statuses.items())},
        "broken": tally.broken, "p50 ms": percentile_ms(tally.seconds_of_200, 0.5),
        "p99 ms": percentile_ms(tally.seconds_of_200, 0.99), "memory MB": late / 1e6, "drift %": drift * 100,
        "open files more": files,
    }  # fmt: skip
    result.expect(not health.audit, f"the audit found, while it ran: {health.audit[:3]}")
    allowed = {0, 200, 402, 429, 503}
    result.expect(tally.statuses.keys() <= allowed, f"other answers: {tally.statuses} {tally.codes}")
    result.expect(health.kills > 0 and health.outages > 0, "nothing was killed or away")
    result.expect_in_time(drift < _MOST_DRIFT, f"memory grew by {drift:.1%}")
    result.expect_in_time(files <= 2, f"{files} more open files")


def _mean(values: list[int]) -> float:
    return sum(values) / len(values) if values else 0.0
