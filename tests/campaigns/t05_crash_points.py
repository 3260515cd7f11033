"""T5, crash points: the process dies, or freezes, exactly between two steps of the protocol.

Kills at random times seldom hit the gap between a record and what follows it. Named points do: a node is told where to
end, is loaded until it gets there, and its next life finishes what it finds. A frozen one is woken after the book has
put its money in doubt. Several nodes do this side by side on the same database.
"""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import psutil

from campaigns import books
from campaigns.ground import Ground, family, opened, scripted
from campaigns.load import Order, Tally, chat, drive
from campaigns.nodes import STARTS_WITHIN_S, Node
from campaigns.result import Result, Scale
from tollhouse.ledger.crashpoints import POINTS

MAX_TOKENS: Final = 60
WIDE: Final = 10**12
NARROW: Final = 2_000_000
SILENT_AFTER_S: Final = 5
FROZEN_S: Final = 8.0
_LOADED_S: Final = 6.0
_RUNS: Final = 10
_SMALL: Final = (("after_reserve_record", "during_recovery"), ("after_settle_record", "after_flush"))
# Points that are passed seldom, or once, in a life; the others several times for each call.
_LATEST: Final[Mapping[str, int]] = {
    "before_grant": 4, "after_grant": 4, "after_flush": 5, "after_outbox": 3, "before_return_record": 3,
    "after_return_record": 3, "during_recovery": 1, "before_close": 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Doom:
    """Where a life ends: at the n-th passing of a point, by a kill or by freezing."""

    point: str
    passing: int
    freezes: bool = False

    @property
    def told(self) -> str:
        return f"{self.point}:{self.passing}" + (":stop" if self.freezes else "")


@dataclass(slots=True)
class Lives:
    """`reached`: how often a point was; `survived`: lives that ended without coming to theirs."""

    tally: Tally = field(default_factory=Tally)
    reached: Counter[str] = field(default_factory=Counter)
    survived: Counter[str] = field(default_factory=Counter)
    frozen: int = 0


async def run(scale: Scale) -> Result:
    result = Result("T5 crash points", scale.full)
    lives = Lives()
    lanes = _lanes(scale)
    async with opened(scale, nodes=len(lanes), start=False, worker_silent_s=SILENT_AFTER_S) as ground:
        async with scripted(ground.emulator, lambda: _script(ground.chance)), asyncio.TaskGroup() as group:
            for node, dooms in zip(ground.nodes, lanes, strict=True):
                group.create_task(_lane(ground, node, dooms, lives))
        booked = await books.examine(ground, result, killed=True)
    _judge(result, scale, lives, booked)
    return result


def _lanes(scale: Scale) -> list[list[Doom]]:
    """What each node goes through."""
    if not scale.full:
        return [[Doom(point, min(_LATEST.get(point, 3), 3)) for point in points] for points in _SMALL]
    chance = random.Random(5)
    dooms = [
        Doom(point, chance.randint(1, _LATEST.get(point, 20)), freezes)
        for point in POINTS
        for freezes in (False, True)
        for _ in range(_RUNS)
    ]
    chance.shuffle(dooms)
    return [dooms[lane::3] for lane in range(3)]


def _script(chance: random.Random) -> dict[str, Any]:
    return {"completion_tokens": chance.randint(0, MAX_TOKENS), "latency_ms": chance.choice((0, 0, 20))}


async def _lane(ground: Ground, node: Node, dooms: Sequence[Doom], lives: Lives) -> None:
    """One life after the other; the last one ends well. Recovery needs something to recover from."""
    died = False
    for doom in dooms:
        if doom.point == "during_recovery" and not died:
            await _live(ground, node, Doom("after_reserve_record", 2), lives)
        died = await _live(ground, node, doom, lives)
    await node.start()


async def _live(ground: Ground, node: Node, doom: Doom, lives: Lives) -> bool:
    """Whether it ended by a kill."""
    await node.begin({"TOLLHOUSE_CRASH_POINT": doom.told})
    loaded = asyncio.Event()
    doing = asyncio.create_task(_meet(node, doom, lives, loaded))
    if await _serves(node):
        loaded.set()
        await drive([node.port], 6, _orders(ground, doing), lives.tally.add, timeout_s=30)
    return await doing


async def _serves(node: Node) -> bool:
    """Until it does, or is dead. One that is frozen while it starts is woken by whoever looks after it."""
    async with httpx.AsyncClient(timeout=1) as client:
        while not node.ended:
            try:
                if (await client.get(f"{node.url}/v1/health")).status_code == 200:
                    return True
            except httpx.HTTPError:
                await asyncio.sleep(0.05)
    return False


async def _orders(ground: Ground, until: "asyncio.Task[bool]") -> AsyncIterator[Order]:
    wide, narrow = await family(ground, WIDE), await family(ground, NARROW)
    number = 0
    while not until.done():
        number += 1
        keys = narrow if number % 2 else wide
        asked = chat(f"Call number {number}.", MAX_TOKENS, stream=number % 3 == 0)
        yield Order(ground.chance.choice(keys).raw_key, asked)


async def _meet(node: Node, doom: Doom, lives: Lives, loaded: asyncio.Event) -> bool:
    """Until the life has ended; whether by a kill.

    One that does not come to its point under load is stopped: that passes more points.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + STARTS_WITHIN_S
    woken = False
    while not node.ended:
        await asyncio.sleep(0.02)
        if not woken and _is_frozen(node):
            woken = True
            await asyncio.sleep(FROZEN_S)
            node.signal(signal.SIGCONT)
            deadline = loop.time() + 1.0
        if loaded.is_set() and not woken:
            loaded.clear()
            deadline = loop.time() + _LOADED_S
        if loop.time() > deadline:
            node.signal(signal.SIGTERM)
            deadline = loop.time() + _LOADED_S
    lives.frozen += woken
    died = await node.wait() == -signal.SIGKILL
    (lives.reached if died or woken else lives.survived)[doom.point] += 1
    return died


def _is_frozen(node: Node) -> bool:
    try:
        return psutil.Process(node.pid).status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:
        return False


def _judge(result: Result, scale: Scale, lives: Lives, booked: Mapping[str, books.Booked]) -> None:
    named = set(POINTS) if scale.full else {point for points in _SMALL for point in points}
    result.figures |= {
        "lives": lives.reached.total() + lives.survived.total(), "ended at their point": lives.reached.total(),
        "of them frozen": lives.frozen, "asked": lives.tally.calls, "200": lives.tally.statuses[200],
        "402": lives.tally.statuses[402], "broken": lives.tally.broken,
    }  # fmt: skip
    never = named - lives.reached.keys()
    result.expect(not never, f"points that no life came to: {sorted(never)}")
    books.judge_what_was_seen(result, lives.tally, booked)
