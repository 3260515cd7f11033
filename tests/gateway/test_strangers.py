"""Unknown keys in number are answered late, bounded, and few of them at once."""

import asyncio

from making import ManualClock
from tollhouse.gateway.strangers import LATE_S, MOST_WAITING, PROMPT_AT_ONCE, Strangers


class Sleeper:
    """Sleeps until it is woken."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.woken = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        await self.woken.wait()


async def test_a_few_are_answered_at_once() -> None:
    sleeper = Sleeper()
    strangers = Strangers(ManualClock(), sleeper)
    assert [await strangers.wait() for _ in range(PROMPT_AT_ONCE)] == [True] * PROMPT_AT_ONCE
    assert not sleeper.slept


async def test_many_wait_and_those_beyond_the_bound_are_not_kept() -> None:
    clock, sleeper = ManualClock(), Sleeper()
    strangers = Strangers(clock, sleeper)
    for _ in range(PROMPT_AT_ONCE):
        await strangers.wait()
    waiting = [asyncio.create_task(strangers.wait()) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    assert len(sleeper.slept) == MOST_WAITING
    assert len(set(sleeper.slept)) > MOST_WAITING / 2, "they would all come back at the same moment"
    assert max(sleeper.slept) < 2 * LATE_S
    assert not await strangers.wait()
    sleeper.woken.set()
    assert all(await asyncio.gather(*waiting))
    assert await strangers.wait()
    assert len(sleeper.slept) == MOST_WAITING + 1


async def test_after_a_quiet_second_all_is_as_before() -> None:
    clock, sleeper = ManualClock(), Sleeper()
    strangers = Strangers(clock, sleeper)
    for _ in range(PROMPT_AT_ONCE):
        await strangers.wait()
    clock.advance(1.0)
    assert await strangers.wait()
    assert not sleeper.slept


async def test_one_that_leaves_makes_room() -> None:
    sleeper = Sleeper()
    strangers = Strangers(ManualClock(), sleeper)
    for _ in range(PROMPT_AT_ONCE):
        await strangers.wait()
    waiting = [asyncio.create_task(strangers.wait()) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.wait([waiting[0]])
    sleeper.woken.set()
    assert await strangers.wait()
    await asyncio.gather(*waiting[1:])
