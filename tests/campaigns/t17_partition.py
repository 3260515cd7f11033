"""T17, a node cut off from the book: it stops admitting in time, its money stays counted, and all is well again after.

Two nodes share the same budgets; the second one's way to the database goes dark, again and again. It serves from its
leases for as long as it may, then refuses. Meanwhile the book puts its leases in doubt: nobody else gets that money.
When the line is back its leases are normal again.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

from campaigns import books
from campaigns.ground import Ground, family, opened, scripted
from campaigns.load import Answer, Order, Pace, chat, drive
from campaigns.proxy import Faults
from campaigns.result import Result, Scale

MAX_TOKENS: Final = 60
WIDE: Final = 10**12
SILENT_AFTER_S: Final = 5
HEALED_WITHIN_S: Final = 5.0
_GRACE_S: Final = 1.0


@dataclass(slots=True)
class Cut:
    """One time in the dark, by the loop's clock. `doubt_seen`: the most that was in doubt during it."""

    began: float
    ended: float = 0.0
    doubt_seen: int = 0
    healed_s: float | None = None
    served_again_s: float | None = None


@dataclass(slots=True)
class Watch:
    """What the callers of the two nodes saw."""

    cuts: list[Cut] = field(default_factory=list)
    statuses: tuple[Counter[int], Counter[int]] = field(default_factory=lambda: (Counter(), Counter()))
    served: list[Answer] = field(default_factory=list)


async def run(scale: Scale) -> Result:
    result = Result("T17 a node cut off", scale.full)
    ttl_s = scale.pick(3, 15)
    watch = Watch()
    async with opened(
        scale, proxied=True, worker_silent_s=SILENT_AFTER_S, outage_ttl_s=ttl_s, lease_ahead_s=60
    ) as ground:

        def costs() -> dict[str, Any]:
            return {"completion_tokens": ground.chance.randint(0, MAX_TOKENS)}

        async with scripted(ground.emulator, costs):
            cutting = asyncio.create_task(_cut_again_and_again(ground, watch, scale, ttl_s))
            async with asyncio.TaskGroup() as group:
                for place in (0, 1):
                    group.create_task(_ask(ground, watch, place, cutting))
            await cutting
        await books.examine(ground, result)
    _judge(result, watch, ttl_s)
    return result


async def _ask(ground: Ground, watch: Watch, place: int, until: "asyncio.Task[None]") -> None:
    """Steady calls at one node; half of them on budgets that are soon spent."""
    wide, narrow = await family(ground, WIDE), await family(ground, 3_000_000)

    async def orders() -> AsyncIterator[Order]:
        pace = Pace(ground.scale.pick(30, 60))
        number = 0
        while not until.done():
            await pace.turn()
            number += 1
            keys = wide if number % 2 else narrow
            yield Order(ground.chance.choice(keys).raw_key, chat(f"Call number {number}.", MAX_TOKENS))

    def sink(_order: Order, answer: Answer) -> None:
        watch.statuses[place][answer.status] += 1
        if place == 1 and answer.status == 200:
            watch.served.append(answer)

    await drive([ground.ports[place]], 16, orders(), sink)


async def _cut_again_and_again(ground: Ground, watch: Watch, scale: Scale, ttl_s: float) -> None:
    await asyncio.sleep(scale.pick(2, 10))
    for number in range(scale.pick(1, 12)):
        seconds = ttl_s + SILENT_AFTER_S + scale.pick(1, 5 * (number % 4))
        watch.cuts.append(await _cut(ground, seconds))
        await asyncio.sleep(scale.pick(2, 10))


async def _cut(ground: Ground, seconds: float) -> Cut:
    """Dark for so long; then until nothing is in doubt."""
    loop = asyncio.get_running_loop()
    cut = Cut(loop.time())
    ground.proxies[1].faults = Faults(black_hole=True)
    while loop.time() < cut.began + seconds:
        cut.doubt_seen = max(cut.doubt_seen, await _doubt(ground))
        await asyncio.sleep(0.2)
    ground.proxies[1].heal()
    cut.ended = loop.time()
    while loop.time() < cut.ended + 6 * HEALED_WITHIN_S:
        if await _doubt(ground) == 0:
            cut.healed_s = loop.time() - cut.ended
            break
        await asyncio.sleep(0.1)
    return cut


async def _doubt(ground: Ground) -> int:
    return sum(account.doubt for account in (await books.accounts_of(ground.database)).values())


def _is_late(answer: Answer, cut: Cut, ttl_s: float) -> bool:
    """Asked for and served in the dark, after the time in which that is right."""
    return cut.began + ttl_s + _GRACE_S < answer.began and answer.ended < cut.ended


def _judge(result: Result, watch: Watch, ttl_s: float) -> None:
    for cut in watch.cuts:
        again = [answer.began for answer in watch.served if answer.began > cut.ended]
        cut.served_again_s = min(again) - cut.ended if again else None
    late = [answer for answer in watch.served if any(_is_late(answer, cut, ttl_s) for cut in watch.cuts)]
    healed = [cut.healed_s for cut in watch.cuts if cut.healed_s is not None]
    again_s = [cut.served_again_s for cut in watch.cuts if cut.served_again_s is not None]
    result.figures |= {
        "cuts": len(watch.cuts), "TTL s": ttl_s, "the other node": dict(watch.statuses[0]),
        "the node cut off": dict(watch.statuses[1]), "served after its TTL": len(late),
        "most in doubt USD": max(cut.doubt_seen for cut in watch.cuts) / 1e9,
        "doubt gone after s": max(healed, default=0.0), "serves again after s": max(again_s, default=0.0),
    }  # fmt: skip
    result.expect(len(healed) == len(watch.cuts), "money stays in doubt although its holder is back")
    result.expect(len(again_s) == len(watch.cuts), "the node does not serve again")
    result.expect(all(cut.doubt_seen for cut in watch.cuts), "the silent holder's money was never put in doubt")
    result.expect_in_time(not late, f"{len(late)} calls were admitted without the book after {ttl_s} s")
    result.expect_in_time(max(healed, default=0) <= HEALED_WITHIN_S, f"doubt stayed for {max(healed, default=0):.1f} s")
    strange = set(watch.statuses[1]) - {200, 402, 429, 503}
    result.expect(not strange, f"the node that was cut off answered {strange}")
    others = set(watch.statuses[0]) - {200, 402, 429}
    result.expect_in_time(not others, f"the node that was not cut off answered {others}")
