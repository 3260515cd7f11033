"""T7, the database fails under load: slow, away, cut in the middle of a commit, there but silent, killed.

Every fault lies between two calm stretches of the same load, through a proxy of each node's own. Nothing may be lost
or overspent; what is leased is served on, as fast as before; no caller waits long for a refusal; what piled up drains.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final

from campaigns import books
from campaigns.ground import Ground, family, opened, scripted
from campaigns.load import Answer, Order, Pace, Tally, chat, drive, percentile_ms, pooled
from campaigns.proxy import Faults
from campaigns.result import Result, Scale

MAX_TOKENS: Final = 60
WIDE: Final = 10**12
PATIENCE_S: Final = 2.5
"""Two seconds in admission, and what the provider and a busy machine take."""
HEALS_WITHIN_S: Final = 2.0
SHORT_OUTAGES: Final = 4
"""Of 1,500 calls each: the slowest hundredth of one of them alone is fifteen calls."""
_CUT_EVERY_S: Final = 0.2
_END_OF_A_REQUEST: Final = b"S\x00\x00\x00\x04"
"""Postgres' Sync: with it a client asks for what it has sent to be done. What follows is the answer that gets lost."""
_CALM: Final = Faults()


@dataclass(slots=True)
class Stretch:
    """One fault, or none, for some seconds. `away`: nothing reaches the database.

    `healing`: the moment after a fault, when connections are made anew and what piled up is booked beside the calls.
    `backlog`: calls served until the database was reached again. A call or two may not have been settled yet.
    """

    name: str
    seconds: float
    make: Callable[[], Faults] | None = None
    away: bool = False
    killed: bool = False
    healing: bool = False
    tally: Tally = field(default_factory=Tally)
    healed_at: datetime | None = None
    slowest_s: float = 0.0
    backlog: int = 0

    @property
    def calm(self) -> bool:
        return self.make is None and not self.killed and not self.healing


def _cut() -> Faults:
    return Faults(cut_after=(b"COMMIT", _END_OF_A_REQUEST), cuts_left=1)


def stretches(scale: Scale) -> list[Stretch]:
    away = partial(Faults, refuse=True)
    black = partial(Faults, black_hole=True)
    if not scale.full:
        return [
            Stretch("calm", 1.5),
            Stretch("cut in commits", 1.5, _cut),
            Stretch("away", 1.5, away, away=True),
            Stretch("calm again", 1.0),
            Stretch("silent", 1.5, black, away=True),
            Stretch("slow and sliced", 1.0, partial(Faults, latency_s=0.05, slice_bytes=500)),
        ]
    slow = [Stretch(f"latency {s * 1000:g} ms", 20, partial(Faults, latency_s=s)) for s in (0.05, 0.2, 2.0)]
    short = [
        stretch
        for _ in range(SHORT_OUTAGES)
        for stretch in (Stretch("away 10 s", 10, away, away=True), Stretch("calm after 10 s", 20))
    ]
    return [
        Stretch("calm", 30),
        *slow,
        Stretch("calm after latency", 20),
        *short,
        Stretch("cut in commits", 30, _cut),
        Stretch("calm before silence", 20),
        Stretch("silent 60 s", 60, black, away=True),
        Stretch("calm after silence", 30),
        Stretch("trickle of 20 kB/s", 20, partial(Faults, bytes_per_s=20_000)),
        Stretch("slices of 7 bytes", 20, partial(Faults, slice_bytes=7)),
        Stretch("calm before 2 min", 20),
        Stretch("away 2 min", 120, away, away=True),
        Stretch("calm after 2 min", 40),
        Stretch("server killed", 5, killed=True),
        Stretch("calm after its recovery", 20),
    ]


async def run(scale: Scale) -> Result:
    result = Result("T7 database faults", scale.full)
    plan = stretches(scale)
    # Leases that last as long as the longest outage: what is measured is the outage, not their size.
    async with opened(scale, proxied=True, lease_ahead_s=180, outage_ttl_s=600) as ground:

        def costs() -> dict[str, Any]:
            return {"completion_tokens": ground.chance.randint(0, MAX_TOKENS)}

        async with scripted(ground.emulator, costs):
            weather = _Weather(ground, plan)
            making = asyncio.create_task(weather.run())
            await drive(ground.ports, scale.pick(16, 64), _orders(ground, weather, making), _sink)
            await making
        await books.examine(ground, result, killed=True)
        await _judge_drains(ground, result, plan)
    _judge(result, weather.seen)
    return result


class _Weather:
    """Makes the faults in their order; `now` is the stretch that a call begins in. `seen`: all there were."""

    def __init__(self, ground: Ground, plan: list[Stretch]) -> None:
        self.now = plan[0]
        self.seen: list[Stretch] = []
        self._ground = ground
        self._plan = plan

    async def run(self) -> None:
        for stretch in self._plan:
            self._begin(stretch)
            if stretch.calm:
                await asyncio.sleep(stretch.seconds)
                continue
            if stretch.killed:
                await self._kill_the_server()
            elif stretch.make is not None:
                await self._make(stretch, stretch.make)
            self._begin(Stretch(f"healing after {stretch.name}", HEALS_WITHIN_S, healing=True))
            await asyncio.sleep(HEALS_WITHIN_S)

    def _begin(self, stretch: Stretch) -> None:
        self.now = stretch
        self.seen.append(stretch)

    async def _make(self, stretch: Stretch, make: Callable[[], Faults]) -> None:
        end = asyncio.get_running_loop().time() + stretch.seconds
        for proxy in self._ground.proxies:
            proxy.faults = make()
            if proxy.faults.refuse:
                proxy.drop()
        while (left := end - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(min(left, _CUT_EVERY_S))
            for proxy in self._ground.proxies:
                proxy.faults.cuts_left += bool(proxy.faults.cut_after)
        for proxy in self._ground.proxies:
            proxy.heal()
        stretch.backlog = stretch.tally.statuses[200]
        stretch.healed_at = await _database_time(self._ground)

    async def _kill_the_server(self) -> None:
        assert self._ground.scale.postgres is not None
        await asyncio.to_thread(self._ground.scale.postgres.stop, "immediate")
        await asyncio.sleep(self.now.seconds)
        await asyncio.to_thread(self._ground.scale.postgres.start)


async def _database_time(ground: Ground) -> datetime:
    async with ground.database.connection() as connection:
        now: datetime = await connection.fetchval("SELECT clock_timestamp()")
    return now


async def _orders(ground: Ground, weather: _Weather, until: "asyncio.Task[None]") -> AsyncIterator[Order]:
    keys = await family(ground, WIDE)
    pace = Pace(ground.scale.pick(60, 150))
    number = 0
    while not until.done():
        await pace.turn()
        number += 1
        asked = chat(f"Call number {number}.", MAX_TOKENS, stream=number % 3 == 0)
        yield Order(keys[number % len(keys)].raw_key, asked, about=weather.now)


def _sink(order: Order, answer: Answer) -> None:
    stretch = order.about
    assert isinstance(stretch, Stretch)
    stretch.tally.add(order, answer)
    stretch.slowest_s = max(stretch.slowest_s, (answer.first_byte or answer.ended) - answer.began)


def _judge(result: Result, plan: list[Stretch]) -> None:
    for name in dict.fromkeys(stretch.name for stretch in plan):
        _judge_alike(result, [stretch for stretch in plan if stretch.name == name])
    _judge_leased(result, plan)


def _judge_alike(result: Result, alike: list[Stretch]) -> None:
    """Stretches of one name, as one."""
    first, tally = alike[0], pooled(stretch.tally for stretch in alike)
    slowest_s = max(stretch.slowest_s for stretch in alike)
    seen = {status: count for status, count in sorted(tally.statuses.items()) if count}
    p99 = percentile_ms(tally.seconds_of_200, 0.99)
    result.figures[first.name] = f"{seen}, p99 {p99:.1f} ms, slowest {slowest_s * 1000:.0f} ms"
    others = tally.statuses.keys() - {200, 402, 429, 503}
    result.expect(not others, f"{first.name}: {tally.statuses} {tally.codes}")
    result.expect_in_time(not (first.calm and tally.statuses[503]), f"{first.name}: {tally.statuses[503]} 503")
    result.expect(tally.broken == 0, f"{first.name}: {tally.broken} broken answers")
    result.expect_in_time(slowest_s <= PATIENCE_S, f"{first.name}: a caller waited {slowest_s:.1f} s")


def _judge_leased(result: Result, plan: list[Stretch]) -> None:
    """What is leased is served while the database is away, as fast as in the calm before and after."""
    for name in dict.fromkeys(stretch.name for stretch in plan if stretch.away):
        places = [place for place, stretch in enumerate(plan) if stretch.name == name]
        tally = pooled(plan[place].tally for place in places)
        calm = pooled(stretch.tally for place in places for stretch in _calm_around(plan, place))
        served = tally.statuses[200] / max(tally.calls, 1)
        result.expect_in_time(served > 0.95, f"{name}: only {served:.0%} of the calls were served")
        p99, else_p99 = percentile_ms(tally.seconds_of_200, 0.99), percentile_ms(calm.seconds_of_200, 0.99)
        result.figures[f"p99 of {name}, and of the calm around it, ms"] = f"{p99:.2f}, {else_p99:.2f}"
        result.expect_in_time(p99 <= else_p99 + 1, f"{name}: p99 {p99:.1f} ms, around it {else_p99:.1f} ms")


def _calm_around(plan: list[Stretch], place: int) -> list[Stretch]:
    """The last calm stretch before, if it is a neighbour, and the first one after."""
    before = [stretch for stretch in plan[:place] if not stretch.healing][-1:]
    after = [stretch for stretch in plan[place + 1 :] if not stretch.healing][:1]
    return [stretch for stretch in before + after if stretch.calm]


async def _judge_drains(ground: Ground, result: Result, plan: list[Stretch]) -> None:
    """How fast what piled up was booked; only a backlog of some size says anything."""
    for stretch in plan:
        backlog = stretch.backlog
        if not stretch.away or stretch.healed_at is None or backlog < 1_000:
            continue
        rate = await drain_rate(ground, stretch.healed_at, backlog)
        if rate is not None:
            result.figures[f"drained after {stretch.name}, entries/s"] = rate
            result.expect(rate >= 20_000 or backlog < 10_000, f"{stretch.name}: drained at {rate:,} entries/s")


async def drain_rate(ground: Ground, healed_at: datetime, backlog: int) -> int | None:
    """Entries per second of the transactions that booked the backlog.

    What is written down is when they began, so the last one only ends the time, and its entries do not count.
    """
    async with ground.database.connection() as connection:
        rows = await connection.fetch(
            "SELECT created_at, count(*) AS entries FROM ledger_entries WHERE created_at >= $1 GROUP BY 1 ORDER BY 1",
            healed_at,
        )
    booked = 0
    for row in rows:
        if booked + row["entries"] >= backlog:
            seconds = (row["created_at"] - rows[0]["created_at"]).total_seconds()
            return int(booked / seconds) if seconds else None
        booked += row["entries"]
    return None
