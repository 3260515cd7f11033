"""Many callers, one writer: everybody gets their own answer, and a batch is what arrived meanwhile."""

import asyncio
from collections.abc import Sequence

import pytest

from tollhouse.foundation.batches import Batcher


async def test_what_arrives_during_a_write_becomes_the_next_batch() -> None:
    batches: list[list[int]] = []
    gate = asyncio.Event()

    async def write(items: Sequence[int]) -> list[int]:
        batches.append(list(items))
        await gate.wait()
        return [item * 10 for item in items]

    batcher = Batcher(write, max_batch=3, max_waiting=10)
    first = asyncio.create_task(batcher.put(0))
    await asyncio.sleep(0.01)
    others = [asyncio.create_task(batcher.put(item)) for item in range(1, 6)]
    await asyncio.sleep(0.01)
    assert batcher.waiting == 5
    gate.set()
    assert await first == 0
    assert await asyncio.gather(*others) == [10, 20, 30, 40, 50]
    assert batches == [[0], [1, 2, 3], [4, 5]]


async def test_a_failed_batch_fails_its_own_waiters_and_no_other() -> None:
    async def write(items: Sequence[int]) -> Sequence[int]:
        if 13 in items:
            raise ValueError("unlucky")
        return items

    batcher = Batcher(write, max_batch=1, max_waiting=10)
    with pytest.raises(ValueError, match="unlucky"):
        await batcher.put(13)
    assert await batcher.put(14) == 14


async def test_a_waiter_who_gave_up_does_not_stop_the_writer() -> None:
    gate = asyncio.Event()

    async def write(items: Sequence[int]) -> Sequence[int]:
        await gate.wait()
        if 1 in items:
            raise ValueError
        return items

    batcher = Batcher(write, max_batch=1, max_waiting=10)
    given_up = [asyncio.create_task(batcher.put(item)) for item in (0, 1)]
    await asyncio.sleep(0.01)
    for task in given_up:
        task.cancel()
    gate.set()
    assert await batcher.put(2) == 2


async def test_the_queue_is_bounded() -> None:
    gate = asyncio.Event()

    async def write(items: Sequence[int]) -> Sequence[int]:
        await gate.wait()
        return items

    batcher = Batcher(write, max_batch=1, max_waiting=1)
    running = asyncio.create_task(batcher.put(0))
    await asyncio.sleep(0.01)
    waiting = asyncio.create_task(batcher.put(1))
    await asyncio.sleep(0.01)
    with pytest.raises(asyncio.QueueFull):
        await batcher.put(2)
    gate.set()
    assert list(await asyncio.gather(running, waiting)) == [0, 1]
